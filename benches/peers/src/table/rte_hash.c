/* A hash table of DPDK's whose readers take no lock, in memory that huge pages may back. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

enum { HUGE_PAGE = 1 << 21, BATCH = 32 };

static struct rte_hash *table;

/* A heap of DPDK's beside its own, which without reserved pages would be in small ones: its socket, or below zero. */
static int heap(size_t length)
{
	char *all = mmap(NULL, length + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return -1;
	char *start = (char *)(((uintptr_t)all + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	madvise(start, length, MADV_HUGEPAGE);
	if (rte_malloc_heap_create("huge") || rte_malloc_heap_memory_add("huge", start, length, NULL, length / HUGE_PAGE, HUGE_PAGE))
		return -1;
	return rte_malloc_heap_get_socket("huge");
}

/* Starts DPDK on the core that this thread is on, without anything reserved for it, and makes the table; 0 if all went well. */
int peer_rte_hash_start(uint32_t entries)
{
	char core[32];
	snprintf(core, sizeof core, "--lcores=0@%d", sched_getcpu());
	char *arguments[] = { "rte_hash", core, "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "64", "--log-level=error" };
	if (rte_eal_init(sizeof arguments / sizeof *arguments, arguments) < 0)
		return -1;
	int socket = heap(((size_t)entries * 64 + (256 << 20)) / HUGE_PAGE * HUGE_PAGE);
	if (socket < 0)
		return -2;
	struct rte_hash_parameters parameters = {
		.name = "numbers",
		.entries = entries,
		.key_len = sizeof(uint64_t),
		.hash_func = rte_hash_crc,
		.socket_id = socket,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
	};
	table = rte_hash_create(&parameters);
	return table ? 0 : -3;
}

/* From now on `key` leads to `place`. */
int peer_rte_hash_set(uint64_t key, uintptr_t place)
{
	return rte_hash_add_key_data(table, &key, (void *)place);
}

/* Where at most 32 keys lead; how many lead anywhere. */
int peer_rte_hash_find(const uint64_t *keys, uint32_t count, void **places)
{
	const void *each[BATCH];
	uint64_t found = 0;
	if (count > BATCH)
		return -1;
	for (uint32_t at = 0; at < count; at++)
		each[at] = keys + at;
	return rte_hash_lookup_bulk_data(table, each, count, &found, places);
}
