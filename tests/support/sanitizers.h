/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_SANITIZERS_H
#define SUPPORT_SANITIZERS_H

/* Whether the program has an allocator and a pace of its own: built with a sanitizer, or told so because it runs
 * under valgrind. */
#if defined(SANITIZED)
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
