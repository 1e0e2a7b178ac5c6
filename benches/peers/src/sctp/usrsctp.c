/* Two sockets of usrsctp in one process, over AF_CONN: no threads, no sockets of the kernel, and time as it is told. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <usrsctp.h>

enum { STREAMS = 16, PACKET = 1480, QUEUE = 256, PORT = 5000, BUFFER = 1 << 20 };

/* An end, and its packets on their way to the other: output may not call input. */
static struct end {
	struct socket *socket;
	unsigned first, used;
	struct {
		size_t length;
		uint8_t octets[PACKET];
	} packets[QUEUE];
} ends[2];

static unsigned arrived;

static int output(void *address, void *buffer, size_t length, uint8_t tos, uint8_t set_df)
{
	struct end *end = address;
	(void)tos, (void)set_df;
	if (end->used == QUEUE || length > PACKET)
		return ENOBUFS;
	unsigned at = (end->first + end->used++) % QUEUE;
	memcpy(end->packets[at].octets, buffer, length);
	end->packets[at].length = length;
	return 0;
}

/* Hands the other end's packets to `end`; whether there were any. */
static int input(struct end *end, struct end *other)
{
	int any = other->used > 0;
	for (; other->used; other->used--, other->first = (other->first + 1) % QUEUE)
		usrsctp_conninput(end, other->packets[other->first].octets, other->packets[other->first].length, 0);
	return any;
}

/* Called with each message: cheaper than usrsctp_recvv, which copies it. */
static int receive(struct socket *socket, union sctp_sockstore from, void *data, size_t length, struct sctp_rcvinfo info, int flags, void *of)
{
	(void)socket, (void)from, (void)length, (void)info, (void)of;
	arrived += data && !(flags & MSG_NOTIFICATION);
	free(data);
	return 1;
}

static struct sockaddr_conn address(struct end *end)
{
	struct sockaddr_conn address = { .sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = end };
	return address;
}

static int set(struct socket *socket, int level, int option, const void *value, socklen_t size)
{
	return usrsctp_setsockopt(socket, level, option, value, size);
}

static int settle(struct socket *socket)
{
	const int size = BUFFER;
	const struct sctp_paddrparams path = {
		.spp_address.ss_family = AF_CONN,
		.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE,
		.spp_pathmtu = PACKET,
	};
	const struct sctp_initmsg streams = { .sinit_num_ostreams = STREAMS, .sinit_max_instreams = STREAMS };
	return usrsctp_set_non_blocking(socket, 1)
		|| set(socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path)
		|| set(socket, IPPROTO_SCTP, SCTP_INITMSG, &streams, sizeof streams)
		|| set(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size)
		|| set(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

/* Sets an association up; 0, or an errno. */
int peer_usrsctp_start(void)
{
	usrsctp_init_nothreads(0, output, NULL);
	struct sockaddr_conn addresses[2];
	struct socket *sockets[2];
	for (int at = 0; at < 2; at++) {
		usrsctp_register_address(&ends[at]);
		addresses[at] = address(&ends[at]);
		sockets[at] = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, receive, NULL, 0, NULL);
		if (!sockets[at] || settle(sockets[at]))
			return errno;
		if (usrsctp_bind(sockets[at], (struct sockaddr *)&addresses[at], sizeof addresses[at]))
			return errno;
	}
	if (usrsctp_listen(sockets[1], 1))
		return errno;
	/* With AF_CONN the peer's address is the own one: it tells which packets are this association's. */
	if (usrsctp_connect(sockets[0], (struct sockaddr *)&addresses[0], sizeof addresses[0]) && errno != EINPROGRESS)
		return errno;
	while (input(&ends[1], &ends[0]) | input(&ends[0], &ends[1]))
		;
	ends[0].socket = sockets[0];
	ends[1].socket = usrsctp_accept(sockets[1], NULL, NULL);
	return !ends[1].socket || settle(ends[1].socket) ? errno : 0;
}

/* Sends so many messages and takes them at the other end; 0, or an errno. With `nodelay` each goes at once. */
int peer_usrsctp_exchange(const void *body, size_t length, unsigned messages, int nodelay)
{
	static int now = -1;
	if (now != nodelay && set(ends[0].socket, IPPROTO_SCTP, SCTP_NODELAY, &nodelay, sizeof nodelay))
		return errno;
	now = nodelay;
	arrived = 0;
	for (unsigned at = 0; at < messages; at++) {
		struct sctp_sndinfo info = { .snd_sid = at % STREAMS, .snd_ppid = htonl(3) };
		if (usrsctp_sendv(ends[0].socket, body, length, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0)
			return errno;
	}
	for (;;) {
		if (input(&ends[1], &ends[0]) | input(&ends[0], &ends[1]))
			continue;
		if (arrived >= messages)
			return 0;
		usrsctp_handle_timers(20);
	}
}
