"""An HLR with an authentication centre: MAP of pycrate, vectors and AUTS checked by Osmocom's osmo-auc-gen."""
import asyncio
import ctypes
import socket
import subprocess
from dataclasses import dataclass, field

import labels
import stage as stages
from map_peer import Address
from sms import bcd, digits, international

SEND_AUTHENTICATION_INFO, UPDATE_GPRS_LOCATION, ANY_TIME_MODIFICATION, PURGE_MS = 56, 23, 65, 67
INSERT_SUBSCRIBER_DATA, CANCEL_LOCATION = 7, 3
NAMES = {SEND_AUTHENTICATION_INFO: "sendAuthenticationInfo", UPDATE_GPRS_LOCATION: "updateGprsLocation", ANY_TIME_MODIFICATION: "anyTimeModification", PURGE_MS: "purgeMS"}
# Application contexts of version 3 (TS 29.002 17.3.3), and the subsystem that asks.
CONTEXT = {SEND_AUTHENTICATION_INFO: 14, UPDATE_GPRS_LOCATION: 32, ANY_TIME_MODIFICATION: 43, PURGE_MS: 27}
ASKS = {SEND_AUTHENTICATION_INFO: 149, UPDATE_GPRS_LOCATION: 149, ANY_TIME_MODIFICATION: 147, PURGE_MS: 149}
LOCATION_CANCELLATION = (0, 4, 0, 0, 1, 0, 2, 3)
HLR_SSN = 6
TITLE = "4917100006"
AMF = "8000"
# SQN counts in steps of IND's 32 (TS 33.102 C.3); osmo-auc-gen has 5 bits of IND too.
STEP = 32


def auc(key, opc, rand, *arguments):
    """What osmo-auc-gen says, by name; None if it finds AUTS wrong."""
    command = ["osmo-auc-gen", "-3", "-a", "MILENAGE", "-k", key.hex(), "-o", opc.hex(), "-r", rand.hex(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        return None
    said = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    if bytes.fromhex(said["RAND"]) != rand:
        raise ValueError(f"osmo-auc-gen: {done.stdout}")
    return said


def vector(key, opc, rand, sqn, amf=AMF):
    """RAND, AUTN, XRES, CK and IK with this SQN."""
    said = auc(key, opc, rand, "-f", amf, "-s", str(sqn))
    return {"rand": rand, "autn": bytes.fromhex(said["AUTN"]), "xres": bytes.fromhex(said["RES"]), "ck": bytes.fromhex(said["CK"]), "ik": bytes.fromhex(said["IK"])}


def aes(key, block):
    """AES-128 of one block, by OpenSSL."""
    lib = ctypes.CDLL("libcrypto.so.3")
    schedule, out = ctypes.create_string_buffer(256), ctypes.create_string_buffer(16)
    lib.AES_set_encrypt_key(key, 128, schedule)
    lib.AES_encrypt(block, out, schedule)
    return out.raw


def auts(key, opc, rand, sqn_ms):
    """The token of a SIM card whose SQN is another (TS 33.102 6.3.3; f1* and f5* of TS 35.206 4.1)."""
    def xor(*parts):
        return bytes(a ^ b for a, b in zip(*parts)) if len(parts) == 2 else xor(parts[0], xor(*parts[1:]))

    def rotated(octets, by):
        return octets[by:] + octets[:by]

    temp = aes(key, xor(rand, opc))
    sqn = sqn_ms.to_bytes(6, "big")
    in1 = (sqn + b"\0\0") * 2
    out1 = xor(aes(key, xor(temp, rotated(xor(in1, opc), 8), bytes(16))), opc)
    out5 = xor(aes(key, xor(rotated(xor(temp, opc), 12), bytes(15) + b"\x08")), opc)
    return xor(sqn, out5[:6]) + out1[8:]


@dataclass
class Card:
    """A subscription: what its SIM card has, and what the HLR knows of it."""

    network: int
    imsi: str
    msisdn: str
    key: bytes
    opc: bytes
    sqn: int = STEP
    sqn_ms: int = 0
    known: bool = True
    # Debian 12's SIPp (3.6.1) takes RES as a C string, which ends at a zero octet; SIPp 3.7.0 no longer does.
    without_zero: bool = False
    references: list = field(default_factory=list)

    def answer(self, rand, autn):
        """RES, CK and IK, if AUTN is the network's and its SQN is new; or AUTS. All that is known comes of osmo-auc-gen."""
        mask = vector(self.key, self.opc, rand, 0)["autn"][:6]
        sqn = int.from_bytes(autn[:6], "big") ^ int.from_bytes(mask, "big")
        made = vector(self.key, self.opc, rand, sqn, autn[6:8].hex())
        if made["autn"] != autn:
            raise ValueError(f"AUTN {autn.hex()} is not the network's")
        if sqn <= self.sqn_ms:
            return None, auts(self.key, self.opc, rand, self.sqn_ms)
        self.sqn_ms = sqn
        return made, None


class Hlr:
    """Answers every Begin to its title; `log` has the operations in order."""

    def __init__(self, peer, checks, random):
        self.peer, self.checks, self.random = peer, checks, random
        self.cards = {}
        self.log = []
        self.issued = {}
        self.task = asyncio.create_task(self._run())

    def of(self, imsi):
        """The operations about a subscriber, so far."""
        return [name for name, about, _ in self.log if about == imsi]

    async def _run(self):
        running = set()
        while True:
            heard = await self.peer.inbox.get("an operation for the HLR", lambda it: it.kind == "begin" and it.called.ssn == HLR_SSN, 3600)
            task = asyncio.create_task(self._serve(heard))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _serve(self, heard):
        try:
            await self._answer(heard)
        except Exception as error:
            self.checks.that("HLR: every operation is understood", False, f"{type(error).__name__}: {error}")

    async def _answer(self, heard):
        checks = self.checks
        kind, value = heard.component()
        opcode = value["opcode"][1]
        name, argument = NAMES.get(opcode, opcode), heard.argument()
        imsi = argument["subscriberIdentity"][1] if opcode == ANY_TIME_MODIFICATION else argument["imsi"]
        imsi = digits(imsi)
        card = self.cards.get(imsi)
        self.log.append((name, imsi, argument))
        checks.that("HLR: every operation is understood", kind == "invoke" and opcode in NAMES, value)
        if not checks.that("HLR: asked about subscribers of its own", card is not None, imsi):
            return
        labels.judge_transfer(checks, heard)
        ours = stages.TITLE[card.network]
        checks.equal(f"{name}: to the HLR's title, SSN 6", heard.called, Address(HLR_SSN, TITLE))
        checks.equal(f"{name}: from the gateway's title", heard.calling, Address(ASKS[opcode], ours))
        checks.equal(f"{name}: context of version 3", heard.context, (0, 4, 0, 0, 1, 0, CONTEXT[opcode], 3))
        checks.equal(f"{name}: class 1, returned on error", (heard.protocol_class, heard.return_on_error), (1, True))
        invoke = value["invokeId"]
        await {SEND_AUTHENTICATION_INFO: self._vectors, UPDATE_GPRS_LOCATION: self._location, ANY_TIME_MODIFICATION: self._modification, PURGE_MS: self._purge}[opcode](heard, invoke, card, argument)

    def _end(self, heard, invoke, opcode, result, dtid=None):
        """The result in an End: the first message back, or one in a dialogue that stands."""
        component = ("returnResult", {"invokeId": invoke, "result": {"opcode": ("local", opcode), "result": result}})
        if dtid is None:
            return self.peer.answer(heard, component)
        self.peer.unitdata(heard.calling, heard.called, self.peer.spell(("end", {"dtid": dtid, "components": [("basicROS", component)]})), heard.transfer.sls)

    async def _vectors(self, heard, invoke, card, argument):
        checks = self.checks
        checks.equal("sendAuthenticationInfo: one vector, in one message, at once", (argument.get("numberOfRequestedVectors"), argument.get("segmentationProhibited"), argument.get("immediateResponsePreferred")), (1, 0, 0))
        checks.equal("sendAuthenticationInfo: for an SGSN", argument.get("requestingNodeType"), "sgsn")
        if not card.known:
            error = ("returnError", {"invokeId": invoke, "errcode": ("local", 1), "parameter": ("UnknownSubscriberParam", {})})
            return self.peer.answer(heard, error)
        again = argument.get("re-synchronisationInfo")
        if again:
            # The authentication centre takes the card's SQN, if AUTS is the card's.
            said = auc(card.key, card.opc, again["rand"], "-A", again["auts"].hex(), "-f", AMF)
            if checks.that("re-synchronisation: osmo-auc-gen finds AUTS right", said is not None, again["auts"].hex()):
                seen = [line for line in said.items() if "SQN.MS" in line[0]]
                if seen:
                    checks.equal("re-synchronisation: AUTS has the card's SQN", int(seen[0][1].split()[0]), card.sqn_ms)
            checks.within("re-synchronisation: RAND is one that was given out", again["rand"], self.issued.get(card.imsi, []))
            card.sqn = card.sqn_ms
        card.sqn += STEP
        made = vector(card.key, card.opc, self.random.randbytes(16), card.sqn)
        while card.without_zero and 0 in made["xres"]:
            made = vector(card.key, card.opc, self.random.randbytes(16), card.sqn)
        self.issued.setdefault(card.imsi, []).append(made["rand"])
        self._end(heard, invoke, SEND_AUTHENTICATION_INFO, ("SendAuthenticationInfoRes", {"authenticationSetList": ("quintupletList", [made])}))

    async def _location(self, heard, invoke, card, argument):
        """insertSubscriberData twice inside the dialogue, then the result."""
        checks, peer = self.checks, self.peer
        checks.equal("updateGprsLocation: sgsn-Number is the gateway's title", argument.get("sgsn-Number"), international(stages.TITLE[card.network]))
        checks.equal("updateGprsLocation: sgsn-Address is the gateway's", argument.get("sgsn-Address"), b"\x04" + socket.inet_aton("10.0.0.1"))
        otid = peer.otid()
        parts = [{"msisdn": international(card.msisdn), "subscriberStatus": "serviceGranted"}, {"teleserviceList": [b"\x21", b"\x22"]}]
        dtid = heard.otid
        for at, part in enumerate(parts):
            component = ("invoke", {"invokeId": ("present", 10 + at), "opcode": ("local", INSERT_SUBSCRIBER_DATA), "argument": ("InsertSubscriberDataArg", part)})
            if at == 0:
                peer.answer(heard, component, kind="continue", otid=otid)
            else:
                peer.unitdata(heard.calling, heard.called, peer.spell(("continue", {"otid": otid, "dtid": dtid, "components": [("basicROS", component)]})), heard.transfer.sls)
            answer = await peer.inbox.get("insertSubscriberData's result", lambda it: it.dtid == otid, 10)
            kind, value = answer.component()
            checks.equal("insertSubscriberData: its result comes in a Continue", (answer.kind, kind, value.get("invokeId")), ("continue", "returnResult", ("present", 10 + at)))
            checks.equal("insertSubscriberData: from whom to whom", (answer.calling, answer.called), (heard.calling, heard.called))
        self._end(heard, invoke, UPDATE_GPRS_LOCATION, ("UpdateGprsLocationRes", {"hlr-Number": international(TITLE)}), dtid)

    async def _modification(self, heard, invoke, card, argument):
        checks = self.checks
        checks.equal("anyTimeModification: gsmSCF-Address is the gateway's title", argument.get("gsmSCF-Address"), international(stages.TITLE[card.network]))
        data = argument.get("modificationRequestFor-IP-SM-GW-Data", {})
        checks.within("anyTimeModification: activate or deactivate, nothing else", data, [{"modifyRegistrationStatus": "activate"}, {"modifyRegistrationStatus": "deactivate"}])
        checks.equal("anyTimeModification: nothing else in the argument", set(argument), {"subscriberIdentity", "gsmSCF-Address", "modificationRequestFor-IP-SM-GW-Data"})
        self._end(heard, invoke, ANY_TIME_MODIFICATION, ("AnyTimeModificationRes", {"serviceCentreAddress": international("12025559999")}))

    async def _purge(self, heard, invoke, card, argument):
        checks = self.checks
        checks.equal("purgeMS: sgsn-Number is the gateway's title", argument.get("sgsn-Number"), international(stages.TITLE[card.network]))
        checks.equal("purgeMS: nothing else in the argument", set(argument), {"imsi", "sgsn-Number"})
        self._end(heard, invoke, PURGE_MS, ("PurgeMS-Res", {}))

    async def cancel_location(self, card):
        """The HLR says that the subscriber is elsewhere now; the component of the answer."""
        argument = {"identity": ("imsi", bcd(card.imsi)), "cancellationType": "updateProcedure"}
        invoke = ("invoke", {"invokeId": ("present", 1), "opcode": ("local", CANCEL_LOCATION), "argument": ("CancelLocationArg", argument)})
        otid = self.peer.begin(Address(149, stages.TITLE[card.network]), Address(HLR_SSN, TITLE), LOCATION_CANCELLATION, invoke)
        answer = await self.peer.inbox.get("cancelLocation's result", lambda it: it.dtid == otid, 10)
        return answer.component()[0]
