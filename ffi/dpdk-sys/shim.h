/* What the gateway uses of DPDK, and DPDK's inline functions under names that can be linked. */
#ifndef IPSMGW_DPDK_SHIM_H
#define IPSMGW_DPDK_SHIM_H

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

uint16_t shim_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **into, uint16_t most);
uint16_t shim_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **from, uint16_t count);
struct rte_mbuf *shim_pktmbuf_alloc(struct rte_mempool *pool);
void shim_pktmbuf_free(struct rte_mbuf *frame);
int shim_errno(void);
/* Whether EAL knows the calling thread, which then has caches of its own in every mempool. */
int shim_thread_is_registered(void);
int shim_link_is_up(uint16_t port);

/* Hashing of received frames by addresses and, where there are any, ports: these are macros in DPDK. */
extern const uint64_t shim_rss_wanted;

#endif
