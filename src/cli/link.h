/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "mqtt.h"

#include <getopt.h>

/*
 * The broker, for verbs that talk to it: an MQTT client that its verb tends and drains itself, in
 * its one thread. All of Paho's news and messages come as mail.
 */
struct link {
	struct inbox *inbox;
	struct mqtt *mqtt;
	struct span rest; /* mail taken and not yet handed out */
	int64_t tend_at_ms;
	int fd; /* becomes readable when mail comes */
};

/* What the user said about the broker. */
struct link_options {
	struct mqtt_options mqtt;
	const char *password_file;
};

/* Options of getopt_long that all such verbs share, and their help. */
enum {
	LINK_OPTION_SERVER = 0x100,
	LINK_OPTION_USER,
	LINK_OPTION_PASSWORD_FILE,
	LINK_OPTION_CA_FILE,
	LINK_OPTION_CERTIFICATE,
	LINK_OPTION_KEY,
	LINK_OPTION_INSECURE,
};

#define LINK_LONG_OPTIONS                                                                          \
	{ "server", required_argument, NULL, LINK_OPTION_SERVER },                                 \
		{ "user", required_argument, NULL, LINK_OPTION_USER },                             \
		{ "password-file", required_argument, NULL, LINK_OPTION_PASSWORD_FILE },           \
		{ "ca-file", required_argument, NULL, LINK_OPTION_CA_FILE },                       \
		{ "certificate", required_argument, NULL, LINK_OPTION_CERTIFICATE },               \
		{ "key", required_argument, NULL, LINK_OPTION_KEY }, {                             \
		"insecure", no_argument, NULL, LINK_OPTION_INSECURE                                \
	}

#define LINK_HELP                                                                                  \
	"  --server URL          broker: tcp://host:port or ssl://host:port"                       \
	" (tcp://localhost:1883)\n"                                                                \
	"  --user NAME           user name at the broker\n"                                        \
	"  --password-file FILE  its first line is the password\n"                                 \
	"  --ca-file FILE        authorities that vouch for the broker (the system's)\n"           \
	"  --certificate FILE    our certificate, with\n"                                          \
	"  --key FILE            its key, for brokers that ask for one\n"                          \
	"  --insecure            accept any certificate\n"

void link_options_init(struct link_options *options);

/* Takes one of the shared options; false if it is none of them. */
bool link_option(struct link_options *options, int option, const char *argument);

/* Says on standard error what is wrong. 0 or a negative code. Connects nothing yet. */
int link_open(struct link *link, const struct link_options *options);

/* Says goodbye, waiting at most about timeout_ms. */
void link_close(struct link *link, unsigned timeout_ms);

/* Tends the connection if that is due; milliseconds until it is again. */
int64_t link_tend(struct link *link);

/* The next mail; its spans are valid until the call after. */
bool link_next(struct link *link, struct mail *ret_mail);

/* Waits until mail may have come or timeout_ms have passed. */
void link_wait(struct link *link, int64_t timeout_ms);

#endif
