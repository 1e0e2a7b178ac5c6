"""SCTP sockets of the Linux kernel that this runs on, with the names of usrsctp.py: one-to-one style, IPv4."""
import socket
import struct
from pathlib import Path

_IPPROTO_SCTP = 132
_RTOINFO, _INITMSG, _NODELAY, _RECVRCVINFO, _BINDX_ADD, _CONNECTX = 0, 2, 3, 32, 100, 110
_SNDINFO, _RCVINFO = 2, 3  # kinds of ancillary data
_MSG_NOTIFICATION = 0x8000


def start():
    """The kernel is there."""


def set_default(name, value):
    """Sets one of the stack's variables for all sockets to come."""
    Path(f"/proc/sys/net/sctp/{name}").write_text(f"{value}\n")


def _address(ip, port):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(ip) + bytes(8)


class Socket:
    """An SCTP socket; all calls block."""

    def __init__(self, handle=None, streams=17, timers=(500, 1000, 200)):
        """`timers`: RTO.Initial, RTO.Max and RTO.Min, in ms."""
        self.handle = handle or socket.socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_SCTP)
        self.handle.setsockopt(_IPPROTO_SCTP, _NODELAY, 1)
        self.handle.setsockopt(_IPPROTO_SCTP, _RECVRCVINFO, 1)
        if handle is None:
            self.handle.setsockopt(_IPPROTO_SCTP, _INITMSG, struct.pack("=HHHH", streams, streams, 10, 500))
            self.handle.setsockopt(_IPPROTO_SCTP, _RTOINFO, struct.pack("=iIII", 0, *timers))

    def bind(self, ip, port, *more):
        """Takes an own address and port, and `more` addresses."""
        self.handle.bind((ip, port))
        if more:
            self.handle.setsockopt(_IPPROTO_SCTP, _BINDX_ADD, b"".join(_address(it, port) for it in more))

    def listen(self):
        self.handle.listen(4)

    def accept(self):
        return Socket(self.handle.accept()[0])

    def connect(self, ip, port, *more):
        """Sets up an association with a peer that has `more` addresses."""
        if more:
            self.handle.setsockopt(_IPPROTO_SCTP, _CONNECTX, b"".join(_address(it, port) for it in (ip, *more)))
        else:
            self.handle.connect((ip, port))

    def send(self, data, stream, protocol):
        info = struct.pack("=HHIIi", stream, 0, socket.htonl(protocol), 0, 0)
        self.handle.sendmsg([data], [(_IPPROTO_SCTP, _SNDINFO, info)])

    def receive(self):
        """The next message: octets, stream and payload protocol identifier. None when the association has ended."""
        message = b""
        while True:
            try:
                data, ancillary, flags, _ = self.handle.recvmsg(65536, 256)
            except ConnectionError:
                return None
            if flags & _MSG_NOTIFICATION:
                continue
            if not data:
                return None
            message += data
            if flags & socket.MSG_EOR:
                info = next(value for level, kind, value in ancillary if (level, kind) == (_IPPROTO_SCTP, _RCVINFO))
                stream, _ssn, _flags, _pad, protocol = struct.unpack_from("=HHHHI", info)
                return message, stream, socket.ntohl(protocol)

    def shutdown(self):
        """Ends the association with a SHUTDOWN, once all has been acknowledged."""
        self.handle.shutdown(socket.SHUT_WR)
