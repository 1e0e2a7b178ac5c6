/* For the gateway by LD_PRELOAD: a disk whose journal stalls, or fails, as the file says that is named by DISK_FAULTS.
 *
 * "once N": the next fdatasync or fsync of a file that ends with .jnl takes N ms longer, and the file is emptied as it begins. "fail": the next one fails with EIO, and all that follow succeed, as
 * a kernel has it that has thrown the pages away; each of these is told in the file whose name has ".again" behind it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failed;

static int is_journal(int fd)
{
	char link[64], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path);
	return length > 4 && memcmp(path + length - 4, ".jnl", 4) == 0;
}

static void pause_for(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&time, NULL);
}

static int faulty(int fd)
{
	const char *file = getenv("DISK_FAULTS");
	char said[64] = "", again[4096];
	int told;
	if (!file || !is_journal(fd))
		return 0;
	if (failed) {
		snprintf(again, sizeof again, "%s.again", file);
		told = open(again, O_CREAT | O_WRONLY, 0600);
		close(told);
		return 0;
	}
	told = open(file, O_RDONLY);
	if (told < 0)
		return 0;
	ssize_t length = read(told, said, sizeof said - 1);
	close(told);
	if (length > 0 && strncmp(said, "once ", 5) == 0) {
		/* First, so that whoever waits for it sees when it begins. */
		if (truncate(file, 0))
			return 0;
		pause_for(atol(said + 5));
	} else if (length > 0 && strncmp(said, "fail", 4) == 0) {
		failed = 1;
		errno = EIO;
		return -1;
	}
	return 0;
}

int fdatasync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return faulty(fd) ? -1 : next(fd);
}

int fsync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return faulty(fd) ? -1 : next(fd);
}
