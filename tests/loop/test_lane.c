/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* Of the process, and what the lane adds; 19 is the most there is. */
#define NICENESS 2
#define ADDED    3
#define MOST     19

struct job {
	struct lane *lane;
	uv_sem_t gate; /* work goes on when it is posted, if gated */
	bool gated;
	int more; /* times that `done` starts it again */
	int worked;
	int done;
	uv_thread_t worker;
	char thread_name[16];
	sigset_t blocked;
	int niceness;
};

static void work(void *argument) {
	struct job *job = argument;

	if (job->gated)
		uv_sem_wait(&job->gate);
	job->worker = uv_thread_self();
	pthread_getname_np(pthread_self(), job->thread_name, sizeof(job->thread_name));
	pthread_sigmask(SIG_BLOCK, NULL, &job->blocked);
	job->niceness = getpriority(PRIO_PROCESS, 0);
	job->worked++;
}

static void done(void *argument) {
	struct job *job = argument;

	job->done++;
	assert_false(lane_is_busy(job->lane));
	if (job->more > 0) {
		job->more--;
		assert_true(lane_start(job->lane, job));
	}
}

struct scene {
	uv_loop_t loop;
	struct lane lane;
	struct job job;
};

static int setup(void **state) {
	static struct scene scene;
	const struct lane_options options = {
		.name = "test lane", .nice = ADDED, .work = work, .done = done
	};

	memset(&scene, 0, sizeof(scene));
	assert_int_equal(uv_loop_init(&scene.loop), 0);
	assert_int_equal(lane_init(&scene.lane, &scene.loop, &options), 0);
	assert_int_equal(uv_sem_init(&scene.job.gate, 0), 0);
	scene.job.lane = &scene.lane;
	*state = &scene;
	return 0;
}

static int teardown(void **state) {
	struct scene *scene = *state;

	lane_finish(&scene->lane);
	assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&scene->loop), 0);
	uv_sem_destroy(&scene->job.gate);
	return 0;
}

static void run_until_done(struct scene *scene, int times) {
	while (scene->job.done < times)
		uv_run(&scene->loop, UV_RUN_ONCE);
}

static void a_job_runs_on_the_lane_and_comes_back_on_the_loop(void **state) {
	struct scene *scene = *state;
	uv_thread_t self = uv_thread_self();

	assert_true(lane_start(&scene->lane, &scene->job));
	run_until_done(scene, 1);
	assert_int_equal(scene->job.worked, 1);
	assert_int_equal(scene->job.done, 1);
	assert_false(uv_thread_equal(&scene->job.worker, &self));
	assert_string_equal(scene->job.thread_name, "test lane");
	assert_int_equal(lane_progress(&scene->lane), 1);
}

static void signals_stay_with_the_loop(void **state) {
	struct scene *scene = *state;

	assert_true(lane_start(&scene->lane, &scene->job));
	run_until_done(scene, 1);
	assert_true(sigismember(&scene->job.blocked, SIGTERM));
	assert_true(sigismember(&scene->job.blocked, SIGHUP));
}

static void its_niceness_is_added_to_that_of_the_process(void **state) {
	struct scene *scene = *state;
	int expected = getpriority(PRIO_PROCESS, 0) + ADDED;

	assert_true(lane_start(&scene->lane, &scene->job));
	run_until_done(scene, 1);
	assert_int_equal(scene->job.niceness, expected < MOST ? expected : MOST);
}

static void a_busy_lane_refuses_a_second_job(void **state) {
	struct scene *scene = *state;
	struct job other = { .lane = &scene->lane };

	scene->job.gated = true;
	assert_false(lane_is_busy(&scene->lane));
	assert_true(lane_start(&scene->lane, &scene->job));
	assert_true(lane_is_busy(&scene->lane));
	assert_false(lane_start(&scene->lane, &other));
	uv_sem_post(&scene->job.gate);
	run_until_done(scene, 1);

	assert_false(lane_is_busy(&scene->lane));
	assert_int_equal(other.worked, 0);
	assert_true(lane_start(&scene->lane, &other));
	lane_wait(&scene->lane);
	assert_int_equal(other.done, 1);
}

static void done_may_start_the_next_job(void **state) {
	struct scene *scene = *state;

	scene->job.more = 1000;
	assert_true(lane_start(&scene->lane, &scene->job));
	run_until_done(scene, 1001);
	assert_int_equal(scene->job.worked, 1001);
	assert_int_equal(lane_progress(&scene->lane), 1001);
}

static void waiting_delivers_once(void **state) {
	struct scene *scene = *state;

	assert_true(lane_start(&scene->lane, &scene->job));
	lane_wait(&scene->lane);
	assert_int_equal(scene->job.done, 1);
	lane_wait(&scene->lane);
	uv_run(&scene->loop, UV_RUN_NOWAIT);
	assert_int_equal(scene->job.done, 1);
}

static void finishing_brings_the_job_in_flight_back(void **state) {
	struct scene *scene = *state;

	scene->job.gated = true;
	scene->job.more = 1;
	assert_true(lane_start(&scene->lane, &scene->job));
	uv_sem_post(&scene->job.gate);
	uv_sem_post(&scene->job.gate);
	lane_finish(&scene->lane);
	assert_int_equal(scene->job.done, 2);
	assert_int_equal(scene->job.worked, 2);
}

static void finishing_an_idle_or_a_finished_or_a_zeroed_lane_is_fine(void **state) {
	struct scene *scene = *state;
	struct lane zeroed = { .busy = false };

	lane_finish(&scene->lane);
	lane_finish(&scene->lane);
	lane_finish(&zeroed);
}

static void a_beat_is_progress(void **state) {
	struct scene *scene = *state;

	lane_beat(&scene->lane);
	lane_beat(&scene->lane);
	assert_int_equal(lane_progress(&scene->lane), 2);
}

int main(void) {
#define LANE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		LANE_TEST(a_job_runs_on_the_lane_and_comes_back_on_the_loop),
		LANE_TEST(signals_stay_with_the_loop),
		LANE_TEST(its_niceness_is_added_to_that_of_the_process),
		LANE_TEST(a_busy_lane_refuses_a_second_job),
		LANE_TEST(done_may_start_the_next_job),
		LANE_TEST(waiting_delivers_once),
		LANE_TEST(finishing_brings_the_job_in_flight_back),
		LANE_TEST(finishing_an_idle_or_a_finished_or_a_zeroed_lane_is_fine),
		LANE_TEST(a_beat_is_progress),
	};

	(void)nice(NICENESS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
