"""An SMS-GMSC, SMS-IWMSC and whatever else speaks MAP in an SS7 network: SCCP, TCAP and MAP of pycrate."""
from dataclasses import dataclass, field

from pycrate_asn1dir.TCAP_MAPv2v3 import TCAP_MAP_Messages
from pycrate_asn1rt.codecs import ASN1CodecBER
from pycrate_mobile.SCCP import SCCPExtUnitData, SCCPExtUnitDataService, SCCPLongUnitData, SCCPUnitData, SCCPUnitDataService

import m3ua
from events import Inbox
from sms import bcd, digits

TCAP = TCAP_MAP_Messages.TCAP_MAP_Message
AS_ID = (0, 0, 17, 773, 1, 1, 1)
MO_RELAY, MT_RELAY = (0, 4, 0, 0, 1, 0, 21, 3), (0, 4, 0, 0, 1, 0, 25, 3)
MO_FORWARD, MT_FORWARD = 46, 44
# By message type (Q.713 4): what is understood, and the forms of unitdata that are sent.
UNITS = {0x09: SCCPUnitData, 0x0A: SCCPUnitDataService, 0x11: SCCPExtUnitData, 0x12: SCCPExtUnitDataService}
FORMS = {"udt": SCCPUnitData, "xudt": SCCPExtUnitData, "segments": SCCPExtUnitData, "ludt": SCCPLongUnitData}
# Names of the parameters that pycrate gives to the errors of TS 29.002 17.6.6.
ERRORS = {
    "unidentifiedSubscriber": (5, "UnidentifiedSubParam", {}),
    "illegalSubscriber": (9, "IllegalSubscriberParam", {}),
    "facilityNotSupported": (21, "FacilityNotSupParam", {}),
    "subscriberBusyForMT-SMS": (31, "SubBusyForMT-SMS-Param", {}),
    "sm-DeliveryFailure": (32, "SM-DeliveryFailureCause", None),
    "systemFailure": (34, "SystemFailureParam", ("extensibleSystemFailureParam", {})),
    "dataMissing": (35, "DataMissingParam", {}),
    "unexpectedDataValue": (36, "UnexpectedDataParam", {}),
}


@dataclass(frozen=True)
class Address:
    """A party's address; `bare` if it has no title of the usual form."""

    ssn: int | None
    digits: str | None
    point_code: bool = False
    on_title: bool = True
    translation_type: int = 0
    plan: int = 1
    nature: int = 4

    def value(self):
        odd = len(self.digits) % 2
        title = {"TranslationType": self.translation_type, "NumberingPlan": self.plan, "EncodingScheme": 1 if odd else 2, "NAI": self.nature, "Addr": bcd(self.digits, 0)}
        indicator = {"RoutingInd": 0 if self.on_title else 1, "GTInd": 4, "SSNInd": 1, "PCInd": 0}
        return {"Value": {"AddrInd": indicator, "SSN": self.ssn, "GT": title}}

    @staticmethod
    def of(value):
        value = value["Value"]
        indicator, title = value["AddrInd"], value.get("GT")
        number = None
        if indicator["GTInd"] == 4:
            number = digits(title["Addr"])
            number += "0" * (2 * len(title["Addr"]) - len(number))
            if title["EncodingScheme"] == 1:
                if title["Addr"][-1] >> 4:
                    raise ValueError("the filler of an odd number of digits is not 0")
                number = number[:-1]
        else:
            title = {"TranslationType": None, "NumberingPlan": None, "NAI": None}
        return Address(value.get("SSN") if indicator["SSNInd"] else None, number, bool(indicator["PCInd"]), not indicator["RoutingInd"], title["TranslationType"], title["NumberingPlan"], title["NAI"])


@dataclass(repr=False)
class Heard:
    """A TCAP message of the gateway and everything around it."""

    transfer: m3ua.Transfer
    protocol_class: int
    return_on_error: bool
    called: Address
    calling: Address
    tcap: bytes
    kind: str
    otid: bytes | None = None
    dtid: bytes | None = None
    context: tuple | None = None
    dialogue: tuple | None = None
    components: list = field(default_factory=list)
    reason: tuple | None = None

    def __repr__(self):
        return f"{self.kind} {self.component()[0]} {self.tcap.hex()}"

    def component(self):
        """The one component: its kind and what is in it."""
        if len(self.components) != 1:
            return (None, {})
        return self.components[0][1]

    def argument(self):
        kind, value = self.component()
        return value["argument"][1] if kind == "invoke" and "argument" in value else {}


class MapPeer:
    """Takes what comes over the associations and sends over any of them."""

    def __init__(self, point_code, gateway_point_code, ni, random):
        self.point_code, self.gateway_point_code, self.ni, self.random = point_code, gateway_point_code, ni, random
        self.associations = []
        self.inbox = Inbox("SS7")
        self.faults = []
        self.otids = set()
        # How unitdata is sent, and with which hop counter.
        self.form, self.hops = "udt", 15

    def on_transfer(self, transfer):
        try:
            self.inbox.put(self._heard(transfer))
        except Exception as error:  # whatever pycrate raises about octets that it can't read
            self.faults.append(f"{type(error).__name__}: {error} in {transfer.data.hex()}")

    def _heard(self, transfer):
        unit = UNITS[transfer.data[0]]()
        unit.from_bytes(transfer.data)
        value = unit.get_val_d()
        if unit.to_bytes() != transfer.data:
            raise ValueError("not what SCCP of pycrate writes for it")
        tcap, around = value["Data"]["Value"], value.get("ProtocolClass", {"Class": None, "Handling": 0})
        called, calling = Address.of(value["CalledPartyAddr"]), Address.of(value["CallingPartyAddr"])
        heard = Heard(transfer, around["Class"], around["Handling"] == 8, called, calling, tcap, "management")
        if "RetCause" in value:
            heard.kind, heard.reason = "returned", value["RetCause"]
            return heard
        if called.ssn == 1:
            return heard
        TCAP.from_ber(tcap)
        heard.kind, message = TCAP.get_val()
        heard.otid, heard.dtid = message.get("otid"), message.get("dtid")
        heard.components = message.get("components", [])
        heard.reason = message.get("reason")
        portion = message.get("dialoguePortion")
        if heard.reason and heard.reason[0] == "u-abortCause":
            portion = heard.reason[1]
        if portion:
            heard.dialogue = portion["encoding"][1][1]
            heard.context = heard.dialogue[1].get("application-context-name")
        return heard

    # What the peer sends.

    def spell(self, value):
        """BER of a message, in one of the forms that X.690 allows: definite, indefinite, or with long lengths."""
        TCAP.set_val(value)
        form = self.random.random()
        ASN1CodecBER.ENC_LUNDEF = form < 0.15
        ASN1CodecBER.ENC_LLONG = 2 if 0.15 <= form < 0.25 else 0
        try:
            octets = TCAP.to_ber()
        finally:
            ASN1CodecBER.ENC_LUNDEF, ASN1CodecBER.ENC_LLONG = False, 0
        return octets if len(octets) <= 230 else TCAP.to_ber()

    def unitdata(self, called, calling, tcap, sls=None):
        sls = self.random.randrange(16) if sls is None else sls
        parts = [tcap[:100], tcap[100:]] if self.form == "segments" else [tcap]
        reference = self.random.getrandbits(24)
        for at, part in enumerate(parts):
            value = {"ProtocolClass": {"Handling": 8, "Class": 1}, "CalledPartyAddr": called.value(), "CallingPartyAddr": calling.value()}
            value["LongData" if self.form == "ludt" else "Data"] = {"Value": part}
            if self.form != "udt":
                value["HopCounter"] = self.hops
            unit = FORMS[self.form](val=value)
            if self.form == "segments":
                optional = unit["Opt"]
                optional["Segmentation"].set_trans(False)
                optional["Segmentation"]["Segmentation"].set_val({"F": int(at == 0), "C": 1, "RemainingSeg": len(parts) - 1 - at, "SegmentLocalRef": reference})
                optional["EOO"].set_trans(False)
            self.send(unit.to_bytes(), sls)

    def send(self, sccp, sls=None):
        sls = self.random.randrange(16) if sls is None else sls
        self.random.choice(self.associations).transfer(self.point_code, self.gateway_point_code, self.ni, sls, sccp)

    def return_unitdata(self, heard, cause):
        """UDTS for a message of the gateway."""
        service = SCCPUnitDataService(val={"RetCause": cause, "CalledPartyAddr": heard.calling.value(), "CallingPartyAddr": heard.called.value(), "Data": {"Value": heard.tcap}})
        self.send(service.to_bytes())

    def otid(self):
        """A transaction id of 1 to 4 octets that no other dialogue has."""
        while True:
            octets = self.random.randbytes(self.random.choice([1, 2, 3, 4, 4, 4]))
            if octets not in self.otids:
                self.otids.add(octets)
                return octets

    def answer(self, heard, *components, kind="end", otid=None):
        """Answers a Begin of the gateway."""
        value = {"dtid": heard.otid, "dialoguePortion": accepted(heard.context)}
        if otid:
            value["otid"] = otid
        if components:
            value["components"] = [("basicROS", component) for component in components]
        self.unitdata(heard.calling, heard.called, self.spell((kind, value)), heard.transfer.sls)

    def abort(self, heard, reason):
        self.unitdata(heard.calling, heard.called, self.spell(("abort", {"dtid": heard.otid, "reason": reason})))

    async def refuse_context(self, heard, wait):
        """Refuses what the gateway asks for in each version of its context, from the newest to version 1, which has no name (TS 29.002
        15.2.1); all Begins."""
        begins = [heard]
        for version in (2, 1):
            self.abort(heard, ("u-abortCause", refused(heard.context)))
            context = (*heard.context[:-1], version) if version > 1 else None
            heard = await self.inbox.get(f"the same in version {version}", lambda it, context=context: it.kind == "begin" and it.context == context and it.called == begins[0].called, wait)
            begins.append(heard)
        self.abort(heard, ("p-abortCause", 4))
        return begins

    def begin(self, called, calling, context, *components):
        """Opens a dialogue; gives back its transaction id."""
        otid = self.otid()
        value = {"otid": otid, "dialoguePortion": requested(context)}
        if components:
            value["components"] = [("basicROS", component) for component in components]
        self.unitdata(called, calling, self.spell(("begin", value)))
        return otid


def portion(kind, **value):
    return {"direct-reference": AS_ID, "encoding": ("single-ASN1-type", ("DialoguePDU", (kind, value)))}


def requested(context):
    return portion("dialogueRequest", **{"application-context-name": context})


def accepted(context):
    return portion("dialogueResponse", **{"application-context-name": context, "result": 0, "result-source-diagnostic": ("dialogue-service-user", 0)})


def refused(context):
    """AARE: rejected for good, since the application context is not supported."""
    return portion("dialogueResponse", **{"application-context-name": context, "result": 1, "result-source-diagnostic": ("dialogue-service-user", 2)})


def result(invoke, opcode, tpdu):
    name = {MO_FORWARD: "MO-ForwardSM-Res", MT_FORWARD: "MT-ForwardSM-Res"}[opcode]
    value = {"invokeId": ("present", invoke)}
    if tpdu is not None:
        value["result"] = {"opcode": ("local", opcode), "result": (name, {"sm-RP-UI": tpdu})}
    return ("returnResult", value)


def error(invoke, name, cause=None, diagnostic=None):
    code, parameter, value = ERRORS[name]
    if value is None:
        value = {"sm-EnumeratedDeliveryFailureCause": cause}
        if diagnostic is not None:
            value["diagnosticInfo"] = diagnostic
    return ("returnError", {"invokeId": ("present", invoke), "errcode": ("local", code), "parameter": (parameter, value)})


def absent(invoke, diagnostic):
    """absentSubscriberSM."""
    return ("returnError", {"invokeId": ("present", invoke), "errcode": ("local", 6), "parameter": ("AbsentSubscriberSM-Param", {"absentSubscriberDiagnosticSM": diagnostic})})


def mt_forward(invoke, imsi, service_centre, tpdu, more=False):
    argument = {"sm-RP-DA": ("imsi", bcd(imsi)), "sm-RP-OA": ("serviceCentreAddressOA", b"\x91" + bcd(service_centre)), "sm-RP-UI": tpdu}
    if more:
        argument["moreMessagesToSend"] = 0
    return ("invoke", {"invokeId": ("present", invoke), "opcode": ("local", MT_FORWARD), "argument": ("MT-ForwardSM-Arg", argument)})


def mt_forward_next(invoke, tpdu, more):
    """The next one of a dialogue: to the same subscriber, from the same service centre."""
    argument = {"sm-RP-DA": ("noSM-RP-DA", 0), "sm-RP-OA": ("noSM-RP-OA", 0), "sm-RP-UI": tpdu}
    if more:
        argument["moreMessagesToSend"] = 0
    return ("invoke", {"invokeId": ("present", invoke), "opcode": ("local", MT_FORWARD), "argument": ("MT-ForwardSM-Arg", argument)})
