"""A UE that registers at the gateway itself: SIP by hand, digest of the standard library (RFC 7616, RFC 3310, RFC 4169)."""
import base64
import hashlib
import hmac
import re

import sip_peer
from sip_peer import SMS, spell


def md5(*parts):
    return hashlib.md5(b":".join(part.encode() if isinstance(part, str) else part for part in parts)).hexdigest()


def challenges(response):
    """The challenges of a 401, in its order: the parameters of each."""
    every = []
    for value in response.headers.get("www-authenticate", []):
        scheme, _, rest = value.partition(" ")
        pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', rest)
        if scheme != "Digest" or ",".join(f'{name}="{quoted}"' if quoted else f"{name}={bare}" for name, quoted, bare in pairs) != rest:
            raise ValueError(f"WWW-Authenticate {value!r}")
        every.append({name: quoted or bare for name, quoted, bare in pairs})
    return every


class Phone(sip_peer.Server):
    """One UE on a socket of its own. `card` is a Card, or there is a password. `home` goes into digests as `uri`."""

    def __init__(self, name, realm, ip, port, gateway, random, card=None, password=None, to=None, home=None):
        super().__init__(f"sip:{name.partition('@')[0]}@{ip}:{port}", ip, port, gateway, random)
        self.name, self.realm, self.card, self.password = name, realm, card, password
        self.to = to or f"sip:{name}"
        self.home = home or f"sip:{realm}"
        self.request_uri = self.home
        self.call = f"{self.token()}@{ip}"
        self.cseq = random.randrange(1, 1000)
        self.instance = f"urn:gsma:imei:{random.randrange(10**7, 10**8)}-{random.randrange(10**6):06}-0"

    def look(self, message):
        super().look(message)
        if message.uri != self.uri:
            self.faults.append(f"Request-URI is not the contact {self.uri}: {message}")

    def check_response(self, octets, response):
        """As for every response; where the request came from stands in Via now (RFC 3581 4)."""
        at = f"received={self.ip};rport={self.port}"
        via = response.header("via") or ""
        if b";rport;" in octets and at not in via:
            self.faults.append(f"Via of {response} does not say {at}: {via}")
        response.headers["via"] = sip_peer.SipMessage.parse(octets).headers["via"]
        super().check_response(octets, response)

    def credentials(self, challenge, method="REGISTER", nc="00000001", wrong=False, auts=False):
        """The Authorization that answers a challenge. With a card: None, AUTS, if it does not take the vector."""
        token, secret = "", b""
        if self.card:
            octets = base64.b64decode(challenge["nonce"], validate=True)
            made, token = self.card.answer(octets[:16], octets[16:32])
            if made:
                secret = {"AKAv1-MD5": lambda: made["xres"], "AKAv2-MD5": lambda: akav2(made)}[challenge["algorithm"]]()
        else:
            secret = self.password.encode()
        if wrong:
            secret = bytes(octet ^ 1 for octet in secret)
        cnonce = self.token()
        ha1, ha2 = md5(self.name, challenge["realm"], secret), md5(method, self.home)
        response = md5(ha1, challenge["nonce"], nc, cnonce, "auth", ha2)
        fields = {"username": self.name, "realm": challenge["realm"], "nonce": challenge["nonce"], "uri": self.home, "response": response, "cnonce": cnonce}
        text = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        again = f', auts="{base64.b64encode(token).decode()}"' if token else ""
        return f'Digest {text}, qop=auth, nc={nc}, algorithm={challenge["algorithm"]}{again}'

    def empty(self):
        """The Authorization before there is a challenge (TS 24.229 5.1.1.2)."""
        return f'Digest username="{self.name}", realm="{self.realm}", nonce="", uri="{self.home}", response=""'

    async def send_register(self, expires, authorization=None):
        """One REGISTER, and its answer."""
        self.cseq += 1
        branch = f"z9hG4bK{self.token()}"
        lines = [
            f"Via: SIP/2.0/UDP {self.ip}:{self.port};rport;branch={branch}",
            "Max-Forwards: 70",
            f"From: <{self.to}>;tag={self.token()}",
            f"To: <{self.to}>",
            f"Call-ID: {self.call}",
            f"CSeq: {self.cseq} REGISTER",
            f'Contact: <{self.uri}>;+g.3gpp.smsip;+sip.instance="<{self.instance}>"',
            f"Expires: {expires}",
            f"Authorization: {authorization or self.empty()}",
            "P-Access-Network-Info: IEEE-802.11;i-wlan-node-id=0123456789ab",
            "Supported: path, gruu, outbound",
            "Allow: MESSAGE, OPTIONS, INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, UPDATE, PRACK, INFO",
            "User-Agent: Judge/1.0 (a UE of sockets and hashes) Android 14 IMS",
        ]
        return await self.ask(spell(f"REGISTER {self.request_uri} SIP/2.0", lines), branch)

    async def challenged(self, expires, algorithm=None, authorization=None):
        """A REGISTER that is to get 401; the response and the challenge."""
        response = await self.send_register(expires, authorization)
        found = [each for each in challenges(response) if algorithm in (None, each["algorithm"])]
        return response, found[0] if found else None

    async def register(self, expires, algorithm=None):
        """Registers, or removes itself with 0: the final answer."""
        response, challenge = await self.challenged(expires, algorithm)
        if response.status != 401 or challenge is None:
            return response
        return await self.send_register(expires, self.credentials(challenge))

    async def say(self, uri, body, headers=()):
        """A MESSAGE with an RP message to the gateway; answer and Call-ID."""
        lines = [f"Content-Type: {SMS}", "User-Agent: Judge/1.0", *headers]
        octets, branch, call_id = self.request("MESSAGE", uri, self.to, uri, lines, body)
        return await self.ask(octets, branch), call_id


def akav2(made):
    """The password of RFC 4169 3."""
    key = made["xres"] + made["ik"] + made["ck"]
    return base64.b64encode(hmac.new(key, b"http-digest-akav2-password", "md5").digest())
