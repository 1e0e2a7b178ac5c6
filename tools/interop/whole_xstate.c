/* For linux.uml by LD_PRELOAD: gives ptrace the whole extended state of the processor.
 *
 * User-mode Linux of Debian 12 has room for the registers up to AVX-512. A kernel below it refuses PTRACE_SETREGSET of NT_X86_XSTATE unless all of the
 * state is given that the processor can have, and with AMX that is more: without this the first process of the guest dies. What is longer than the
 * caller's room is left as the kernel below has it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

/* One kernel, one processor: nobody calls twice at a time; and its stacks are small. */
static unsigned char whole[1 << 16] __attribute__((aligned(64)));
static long (*next)(int, int, void *, void *);

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	va_start(arguments, request);
	int process = va_arg(arguments, int);
	void *address = va_arg(arguments, void *);
	void *data = va_arg(arguments, void *);
	va_end(arguments);
	if (!next)
		next = (long (*)(int, int, void *, void *))dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE) {
		struct iovec *given = data, all = {whole, sizeof whole};
		if (next(PTRACE_GETREGSET, process, address, &all) == 0 && given->iov_len < all.iov_len) {
			memcpy(whole, given->iov_base, given->iov_len);
			return next(request, process, address, &all);
		}
	}
	return next(request, process, address, data);
}
