"""SCTP sockets of FreeBSD's stack in user space: a ctypes binding of libusrsctp (0.9.5), one-to-one style, IPv4.

It works on raw IP sockets (protocol 132) of the network namespace in which `start` is called, and takes every SCTP packet there: one
process per namespace."""
import ctypes
import errno
import os
import socket
import struct

_lib = ctypes.CDLL("libusrsctp.so.2", use_errno=True)
_ptr, _int, _u32 = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
for _name, _result, _arguments in [
    ("socket", _ptr, [_int, _int, _int, _ptr, _ptr, _u32, _ptr]),
    ("bind", _int, [_ptr, ctypes.c_char_p, _u32]),
    ("listen", _int, [_ptr, _int]),
    ("accept", _ptr, [_ptr, _ptr, _ptr]),
    ("connect", _int, [_ptr, ctypes.c_char_p, _u32]),
    ("bindx", _int, [_ptr, ctypes.c_char_p, _int, _int]),
    ("connectx", _int, [_ptr, ctypes.c_char_p, _int, _ptr]),
    ("setsockopt", _int, [_ptr, _int, _int, ctypes.c_char_p, _u32]),
    ("sendv", ctypes.c_ssize_t, [_ptr, ctypes.c_char_p, ctypes.c_size_t, _ptr, _int, ctypes.c_char_p, _u32, ctypes.c_uint, _int]),
    ("recvv", ctypes.c_ssize_t, [_ptr, _ptr, ctypes.c_size_t, _ptr, _ptr, _ptr, _ptr, _ptr, _ptr]),
    ("shutdown", _int, [_ptr, _int]),
    ("close", None, [_ptr]),
]:
    _function = getattr(_lib, "usrsctp_" + _name)
    _function.restype, _function.argtypes = _result, _arguments

_IPPROTO_SCTP, _SOL_SOCKET, _SO_LINGER, _SO_RCVBUFFORCE = 132, socket.SOL_SOCKET, socket.SO_LINGER, 33
_NODELAY, _INITMSG, _RECVRCVINFO, _RTOINFO = 4, 3, 0x1F, 1
_SENDV_SNDINFO, _MSG_NOTIFICATION, _ABORT, _BINDX_ADD = 1, 0x2000, 0x200, 0x8001


def start():
    """Starts the stack in the namespace of the calling thread."""
    _lib.usrsctp_init(ctypes.c_uint16(0), None, None)
    set_default("ecn_enable", 0)
    # A raw socket whose buffer is full makes Linux answer with ICMP that there is no SCTP here, which ends an association (RFC 9260 10).
    for number in os.listdir("/proc/self/fd"):
        try:
            raw = socket.socket(fileno=os.dup(int(number)))
        except OSError:
            continue  # no socket, or gone meanwhile
        with raw:
            if raw.type == socket.SOCK_RAW and raw.proto == _IPPROTO_SCTP:
                raw.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)


def set_default(name, value):
    """Sets one of the stack's variables for all sockets to come."""
    getattr(_lib, f"usrsctp_sysctl_set_sctp_{name}")(_u32(value))


def _address(ip, port):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(ip) + bytes(8)


def _check(done, what):
    if done is None or (isinstance(done, int) and done < 0):
        code = ctypes.get_errno()
        raise OSError(code, f"usrsctp {what}: {errno.errorcode.get(code, code)}")
    return done


class Socket:
    """An SCTP socket; all calls block."""

    def __init__(self, handle=None, streams=17, timers=(500, 1000, 200)):
        """`timers`: RTO.Initial, RTO.Max and RTO.Min, in ms."""
        new = handle is None
        if new:
            handle = _check(_lib.usrsctp_socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_SCTP, None, None, 0, None), "socket")
        self.handle = handle
        self._set(_IPPROTO_SCTP, _NODELAY, struct.pack("=i", 1))
        self._set(_IPPROTO_SCTP, _RECVRCVINFO, struct.pack("=i", 1))
        if new:
            self._set(_IPPROTO_SCTP, _INITMSG, struct.pack("=HHHH", streams, streams, 10, 500))
            self._set(_IPPROTO_SCTP, _RTOINFO, struct.pack("=IIII", 0, *timers))
        self._room = ctypes.create_string_buffer(65536)

    def _set(self, level, option, value):
        _check(_lib.usrsctp_setsockopt(self.handle, level, option, value, len(value)), f"option {option}")

    def bind(self, ip, port, *more):
        """Takes an own address and port, and `more` addresses."""
        _check(_lib.usrsctp_bind(self.handle, _address(ip, port), 16), "bind")
        for ip in more:
            _check(_lib.usrsctp_bindx(self.handle, _address(ip, port), 1, _BINDX_ADD), "bindx")

    def listen(self):
        _check(_lib.usrsctp_listen(self.handle, 4), "listen")

    def accept(self):
        return Socket(_check(_lib.usrsctp_accept(self.handle, None, None), "accept"))

    def connect(self, ip, port, *more):
        """Sets up an association with a peer that has `more` addresses."""
        if more:
            addresses = b"".join(_address(it, port) for it in (ip, *more))
            _check(_lib.usrsctp_connectx(self.handle, addresses, 1 + len(more), None), "connectx")
        else:
            _check(_lib.usrsctp_connect(self.handle, _address(ip, port), 16), "connect")

    def send(self, data, stream, protocol):
        info = struct.pack("=HHIII", stream, 0, socket.htonl(protocol), 0, 0)
        _check(_lib.usrsctp_sendv(self.handle, data, len(data), None, 0, info, len(info), _SENDV_SNDINFO, 0), "send")

    def receive(self):
        """The next message: octets, stream and payload protocol identifier. None when the association has ended."""
        info, source = ctypes.create_string_buffer(64), ctypes.create_string_buffer(128)
        info_len, source_len = _u32(64), _u32(128)
        kind, flags = ctypes.c_uint(0), _int(0)
        by = ctypes.byref
        while True:
            n = _lib.usrsctp_recvv(self.handle, self._room, 65536, source, by(source_len), info, by(info_len), by(kind), by(flags))
            if n <= 0:
                return None
            if not flags.value & _MSG_NOTIFICATION:
                stream, _ssn, _flags, _pad, protocol = struct.unpack_from("=HHHHI", info.raw)
                return self._room.raw[:n], stream, socket.ntohl(protocol)

    def break_off(self):
        """Sends an ABORT: a `receive` that waits in another thread comes back."""
        info = struct.pack("=HHIII", 0, _ABORT, 0, 0, 0)
        _check(_lib.usrsctp_sendv(self.handle, b"", 0, None, 0, info, len(info), _SENDV_SNDINFO, 0), "abort")

    def abort(self):
        """Closes the socket, an association with an ABORT. No `receive` may wait: it would never come back, nor would this."""
        self._set(_SOL_SOCKET, _SO_LINGER, struct.pack("=ii", 1, 0))
        _lib.usrsctp_close(self.handle)

    def shutdown(self):
        """Ends the association with a SHUTDOWN, once all has been acknowledged."""
        _lib.usrsctp_shutdown(self.handle, socket.SHUT_WR)
