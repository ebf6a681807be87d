/* Makes every fsync and fdatasync of a process last at least SLOW_FSYNC_MICROS, so that systems
 * can be compared as they would run on a slower disk. Preloaded into the servers only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

typedef int (*sync_call)(int);

static int slowed(sync_call real, int fd) {
    static long micros = -1;
    static __thread int slack_set;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (micros < 0) {
        const char *text = getenv("SLOW_FSYNC_MICROS");
        micros = text ? atol(text) : 0;
    }
    int result = real(fd);
    int saved = errno;
    if (!slack_set) { /* The kernel's default would add up to 50 microseconds to each sleep. */
        prctl(PR_SET_TIMERSLACK, 1000UL);
        slack_set = 1;
    }
    until.tv_nsec += micros * 1000;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    errno = saved;
    return result;
}

int fsync(int fd) { return slowed((sync_call)dlsym(RTLD_NEXT, "fsync"), fd); }

int fdatasync(int fd) { return slowed((sync_call)dlsym(RTLD_NEXT, "fdatasync"), fd); }
