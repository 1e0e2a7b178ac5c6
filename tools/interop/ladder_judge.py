"""The procedures of TR 23.804 8.1 to 8.10, each a ladder: the gateway and the core network in a box run as two processes, tshark dissects what went
between all nodes, and every numbered step is looked for in its order, with its fields.

ladder_judge.py BINARY [--write]: BINARY is the gateway's; the box's program stands beside it. The ladders must be those of docs/flows/ladders,
which --write renews."""
import random as randomness
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import checks as checking
import lab as labs
import ladder_stage as stage
from ladder import Missing, Trace
from ladder_stage import AS_MSC, AS_SGSN, MSC, SGSN

LADDERS = Path(__file__).resolve().parents[2] / "docs/flows/ladders"
UE, SCSCF, GATEWAY, HLR, SMSC, PRESENCE = "UE", "S-CSCF", "IP-SM-GW", "HLR", "SMSC", "Presence"
# Application contexts (TS 29.002 17.3.2).
CONTEXTS = {
    "location": "0.4.0.0.1.0.1.3",
    "gprs location": "0.4.0.0.1.0.32.3",
    "info": "0.4.0.0.1.0.14.3",
    "modification": "0.4.0.0.1.0.43.3",
    "purging": "0.4.0.0.1.0.27.3",
    "gateway": "0.4.0.0.1.0.20.3",
    "MO": "0.4.0.0.1.0.21.3",
    "MT": "0.4.0.0.1.0.25.3",
    "alert": "0.4.0.0.1.0.23.2",
}
SMS = "application/vnd.3gpp.sms"
WLAN, LTE = "IEEE-802.11;i-wlan-node-id=00a0c91e6bf6", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2620100010000001"
# Seconds that a registration asks for, and the guard timer.
EXPIRES, SHORT, GUARD = "600000", "2", 1
# Runs at a time: each has two processes that poll.
AT_A_TIME = 2
# How many orders of messages both ways are tried.
ORDERS = 50
IP_MESSAGING, SMSC_KIND = f"{stage.ARC}.1", f"{stage.ARC}.2"
# The kind of service centre, an ENUMERATED.
VOICE_MAIL = "0a0101"
# What the gateway is called as by whom the indication of IP messaging lets take three addresses (decision 0015).
AMONG = "8"
NO_MORE = 0x04


def fingerprint(tpdu):
    """What ledgers know a message by: FNV-1a, without TP-MMS or TP-RD."""
    made, octets = 0xCBF29CE484222325, bytes.fromhex(tpdu)
    for octet in bytes(octet & ~NO_MORE for octet in octets[:1]) + octets[1:]:
        made = (made ^ octet) * 0x100000001B3 % 2**64
    return f"{made:016x}"


def parties(calling, calling_ssn, called, called_ssn):
    """SCCP's addresses of an operation."""
    return [("calling", f"{calling} SSN {calling_ssn}"), ("called", f"{called} SSN {called_ssn}")]


def context(of):
    return ("context", CONTEXTS[of])


def holds(*parts):
    """A function that says whether a value has all `parts` in it."""
    return lambda seen: seen is not None and all(part in seen for part in parts)


class Procedures:
    """The procedures as one network's subscriber goes through them."""

    def __init__(self, trace, of, direct, indicated):
        self.trace, self.of, self.direct, self.indicated = trace, of, direct, indicated
        self.ue, self.access = (UE, WLAN) if direct else (SCSCF, LTE)
        self.contact = f"sip:{of.imsi}@10.1.1.1:5060" if direct else of.scscf

    def ledger(self, direction, tpdu):
        """The lines of all ledgers about a message."""
        return [line for line in self.trace.facts["ledgers"] if (line["direction"], line["message"]) == (direction, fingerprint(tpdu))]

    def to_hlr(self, ssn):
        return parties(self.of.gateway, ssn, self.of.hlr, "6")

    # What other nodes do before: MSC and SGSN have the subscriber attached.

    def attached(self, ladder):
        of = self.of
        nodes = [
            ("MSC", MSC, "7", "updateLocation", "msc-Number", "location"),
            ("SGSN", SGSN, "149", "updateGprsLocation", "sgsn-Number", "gprs location"),
        ]
        for node, title, ssn, operation, number, named in nodes:
            ladder.last = None
            asked = ladder.step("", node, HLR, operation, [*parties(title, ssn, of.hlr, "6"), context(named), ("imsi", of.imsi), (number, title)])
            ladder.step("", HLR, node, "insertSubscriberData", [("msisdn", of.msisdn)], of=asked)
            ladder.step("", node, HLR, "insertSubscriberData result", of=asked)
            ladder.step("", HLR, node, f"{operation} result", [("hlr-Number", of.hlr)], of=asked)

    # R1, in both forms.

    def r1_register(self, ladder, numbers, presence=False):
        """GW → HLR and back; the HLR tells the presence server, if there is one."""
        of, (ask, store, answer) = self.of, numbers
        if of.r1 == "any_time_modification":
            asked = ladder.step(ask, GATEWAY, HLR, "anyTimeModification", [
                *self.to_hlr("147"), context("modification"), ("imsi", of.imsi), ("gsmSCF-Address", of.gateway),
                ("modifyRegistrationStatus", "activate"),
            ])
            self.stored(ladder, store, presence, asked)
            return ladder.step(answer, HLR, GATEWAY, "anyTimeModification result", [("serviceCentreAddress", of.centre)], of=asked, after=asked)
        asked = ladder.step(ask, GATEWAY, HLR, "updateGprsLocation", [*self.to_hlr("149"), context("gprs location"), ("imsi", of.imsi), ("sgsn-Number", of.gateway)])
        ladder.step(answer, HLR, GATEWAY, "insertSubscriberData", [("msisdn", of.msisdn), ("Ext-TeleserviceCode", ["shortMessageMT-PP", "shortMessageMO-PP"])], of=asked)
        inserted = ladder.step(answer, GATEWAY, HLR, "insertSubscriberData result", of=asked)
        self.stored(ladder, store, presence, inserted)
        return ladder.step(answer, HLR, GATEWAY, "updateGprsLocation result", [("hlr-Number", of.hlr)], of=asked, after=inserted)

    def stored(self, ladder, number, presence, after):
        """The HLR has the gateway's address and the flag: whoever asks is told, and so is the presence server."""
        asked = [event for event in self.trace.events if event.name == "sendRoutingInfoForSM result" and self.trace.place[id(event)] > self.trace.place[id(after)]]
        if asked:
            told = [event.fields.get("networkNode-Number") for event in asked]
            ladder.note(number, HLR, "address and flag are stored: sendRoutingInfoForSM gets the gateway's address", self.of.gateway in told, told)
        else:
            ladder.note(number, HLR, "address and flag are stored")
        if presence:
            self.published(ladder, number, "open", after)

    def published(self, ladder, number, basic, after):
        of = self.of
        ladder.step(number, HLR, PRESENCE, "PUBLISH", [
            ("Request-URI", of.identity), ("Event", "presence"), ("Content-Type", "application/pidf+xml"),
            ("XML", holds(f"basic={basic}"), basic),
        ], after=after)

    def r1_deregister(self, ladder, numbers, presence=False):
        """GW → HLR and back; the HLR tells the presence server, if there is one. The request."""
        of, (ask, removed, answer) = self.of, numbers
        if of.r1 == "any_time_modification":
            asked = ladder.step(ask, GATEWAY, HLR, "anyTimeModification", [
                *self.to_hlr("147"), context("modification"), ("imsi", of.imsi), ("gsmSCF-Address", of.gateway),
                ("modifyRegistrationStatus", "deactivate"),
            ])
        else:
            asked = ladder.step(ask, GATEWAY, HLR, "purgeMS", [*self.to_hlr("149"), context("purging"), ("imsi", of.imsi), ("sgsn-Number", of.gateway)])
        later = [event for event in self.trace.events[self.trace.place[id(asked)] :] if event.name == "sendRoutingInfoForSM result"][:1]
        if later:
            told = [later[0].fields.get(name) for name in ("networkNode-Number", "msc-Number", "sgsn-Number")]
            ladder.note(removed, HLR, "address and flag are gone: sendRoutingInfoForSM gets MSC and SGSN alone", self.of.gateway not in told, told)
        else:
            ladder.note(removed, HLR, "address and flag are gone")
        if presence:
            self.published(ladder, removed, "closed", asked)
        ladder.step(answer, HLR, GATEWAY, f"{asked.name} result", of=asked, after=asked)
        return asked

    # REGISTER, by the UE and by the S-CSCF.

    def proved(self, ladder, number, expires, contact):
        """The UE's REGISTER, the challenge, and the REGISTER that answers it."""
        of = self.of
        claimed = [
            ("Request-URI", f"sip:{of.realm}"), ("From", of.identity), ("To", of.identity), ("Expires", expires),
            ("Contact", holds(*contact), "; ".join(contact)), ("P-Access-Network-Info", WLAN), ("username", of.nai),
        ]
        first = ladder.step(number, UE, GATEWAY, "REGISTER", [*claimed, ("response", "", "none")])
        asked = ladder.step(number, GATEWAY, HLR, "sendAuthenticationInfo", [*self.to_hlr("149"), context("info"), ("imsi", of.imsi)])
        ladder.step(number, HLR, GATEWAY, "sendAuthenticationInfo result", [("authenticationSetList", "quintupletList")], of=asked)
        challenge = ladder.step(number, GATEWAY, UE, "401 to REGISTER", [("algorithm", ["AKAv2-MD5", "AKAv1-MD5"])], of=first)
        same = [("Call-ID", first.fields["Call-ID"], "as before"), ("CSeq", str(int(first.fields["CSeq"]) + 1), "one higher")]
        return ladder.step(number, UE, GATEWAY, "REGISTER", [
            *claimed, *same, ("algorithm", "AKAv2-MD5"), ("nonce", challenge.fields["nonce"][0], "of the challenge"),
            ("response", lambda seen: len(seen or "") == 32, "by the SIM card"),
        ])

    def p_8_1_registration_ladder(self, ladder, expires=EXPIRES, presence=False, number=None):
        """8.1: common registration; as a part of something else its steps have the same number."""
        of = self.of
        one, two, three, four, five, six = (number or own for own in "123456")
        ladder.note(one, UE, "has its IP connection: it sends from 10.1.1.1")
        register = self.proved(ladder, two, expires, [f"<{self.contact}>", "+g.3gpp.smsip", f"expires={expires}"])
        self.r1_register(ladder, (three, four, five), presence)
        if of.r1 == "any_time_modification":
            ladder.note(five, GATEWAY, "has the MSISDN from the subscriber file: this response has none")
        return self.granted(ladder, six, expires, register)

    def granted(self, ladder, number, expires, register):
        of = self.of
        return ladder.step(number, GATEWAY, UE, "200 to REGISTER", [
            ("Contact", f"<{self.contact}>;expires={expires}"), ("P-Associated-URI", [f"<{of.identity}>", f"<tel:+{of.msisdn}>"]),
        ], of=register)

    def p_8_1_reregistration_ladder(self, ladder, registered):
        """8.1, the note at its end: the same once more."""
        ladder.last = registered
        register = self.proved(ladder, "2", EXPIRES, [f"<{self.contact}>", "+g.3gpp.smsip", f"expires={EXPIRES}"])
        ladder.note("3, 5", GATEWAY, "has nothing to tell the HLR, which knows")
        return self.granted(ladder, "6", EXPIRES, register)

    def p_8_2_1_deregistration_ladder(self, ladder, presence=False):
        """8.2.1: de-registration by the UE."""
        register = self.proved(ladder, "1", "0", [f"<{self.contact}>", "expires=0"])
        self.r1_deregister(ladder, ("2", "3", "4"), presence)
        return ladder.step("5", GATEWAY, UE, "200 to REGISTER", [("Contact", None)], of=register)

    def p_8_2_2_guard_timer_ladder(self, ladder, registered):
        """8.2.2: the long guard timer of the gateway has expired."""
        of, facts, ladder.last = self.of, self.trace.facts, registered
        ladder.note("1", GATEWAY, "guard timer; the mapping is deleted: `ipsmgw show subscribers` counts none", facts["subscribers"] == 0, facts["subscribers"])
        asked = self.r1_deregister(ladder, ("1", "2", "3"))
        # What the UE was granted counts from its REGISTER.
        took = asked.at - min(event.at for event in self.trace.events if event.dialogue == registered.dialogue)
        ladder.that(took >= int(SHORT) + GUARD, f"after {took:.2f} s")
        told = ladder.step("4", GATEWAY, UE, "MESSAGE", [
            ("Request-URI", self.contact), ("From", of.uri), ("To", of.identity), ("Content-Type", "application/reginfo+xml"),
            ("XML", holds("state=terminated", "event=expired", f"uri={self.contact}"), "terminated, expired"),
        ])
        ladder.step("4", UE, GATEWAY, "200 to MESSAGE", of=told)

    def third_party(self, ladder, number, expires):
        of = self.of
        return ladder.step(number, SCSCF, GATEWAY, "REGISTER", [
            ("Request-URI", of.uri), ("From", of.scscf), ("To", of.identity), ("Contact", f"<{of.scscf}>"), ("Expires", expires),
            ("P-Access-Network-Info", LTE), ("Content-Type", holds("multipart/mixed"), "multipart/mixed"),
            ("XML", holds(of.msisdn), f"service-info {of.msisdn}"), ("embedded username", of.nai),
        ])

    def p_8_7_registration_over_ims_ladder(self, ladder, number=None):
        """8.7: registration by the S-CSCF; as a part of something else its steps have the same number."""
        one, two, three, four, five, six, seven = (number or own for own in "1234567")
        ladder.note(one, SCSCF, "UE: has its IP connection (the box has UE and S-CSCF in one node)")
        ladder.note(two, SCSCF, "UE: registers in the IMS")
        ladder.note(three, SCSCF, "filter criteria name the gateway")
        register = self.third_party(ladder, four, EXPIRES)
        self.r1_register(ladder, (five, six, six))
        return ladder.step(seven, GATEWAY, SCSCF, "200 to REGISTER", [("Contact", f"<{self.of.scscf}>;expires={EXPIRES}")], of=register)

    def p_8_7_reregistration_over_ims_ladder(self, ladder, registered):
        """8.7, when nothing has changed."""
        ladder.last = registered
        register = self.third_party(ladder, "4", EXPIRES)
        ladder.note("5, 6", GATEWAY, "has nothing to tell the HLR, which knows")
        return ladder.step("7", GATEWAY, SCSCF, "200 to REGISTER", [("Contact", f"<{self.of.scscf}>;expires={EXPIRES}")], of=register)

    def p_8_8_deregistration_over_ims_ladder(self, ladder):
        """8.8.1: de-registration by the S-CSCF."""
        ladder.note("1", SCSCF, "UE: REGISTER with Expires 0 (the box has UE and S-CSCF in one node)")
        ladder.note("2", SCSCF, "UE: 200 OK")
        ladder.note("3", SCSCF, "filter criteria name the gateway")
        register = self.third_party(ladder, "4", "0")
        self.r1_deregister(ladder, ("5", "6", "6"))
        return ladder.step("7", GATEWAY, SCSCF, "200 to REGISTER", [("Contact", f"<{self.of.scscf}>;expires=0")], of=register)

    # Messages from a mobile.

    def submitted(self, ladder, numbers):
        """MESSAGE, 202, mo-forwardSM, its result, MESSAGE with the report, 200: by these step numbers."""
        of, ue, (message, accepted, forward, centre, result, report, taken) = self.of, self.ue, numbers
        sent = ladder.step(message, ue, GATEWAY, "MESSAGE with RP-DATA", [
            ("Request-URI", f"tel:+{of.centre}"), ("From", of.identity), ("P-Asserted-Identity", of.identity),
            ("P-Access-Network-Info", self.access), ("Content-Type", SMS), ("In-Reply-To", None), ("RP-DA", of.centre), ("TP", "SMS-SUBMIT"),
        ])
        answered = ladder.step(accepted, GATEWAY, ue, "202 to MESSAGE", of=sent)
        # The gateway's two links are two memifs: which of them the box reads first says nothing about the order.
        asked = ladder.step(forward, GATEWAY, SMSC, "mo-forwardSM", [
            *parties(of.gateway, of.ssn, of.centre, "8"), context("MO"), ("serviceCentreAddressDA", of.centre), ("msisdn", of.msisdn),
            ("imsi", of.imsi), ("TP", "SMS-SUBMIT"), ("sm-RP-UI", sent.fields.get("TPDU"), "the TPDU unchanged"),
        ], after=sent)
        lines = self.ledger("mo", sent.fields.get("TPDU", ""))
        ladder.note(centre, SMSC, "SMS-IWMSC and SM-SC: the message is stored, once (ledger)", [line["accepted"] for line in lines if "accepted" in line] == [1], lines)
        returned = ladder.step(result, SMSC, GATEWAY, "mo-forwardSM result", [
            ("TP", "SMS-SUBMIT REPORT"), ("TP-UD", self.short(sent.fields.get("TPDU", "")), "of this message"),
        ], of=asked, after=asked)
        told = ladder.step(report, GATEWAY, ue, "MESSAGE with RP-ACK", [
            ("Request-URI", self.contact if self.direct else of.identity), ("From", of.uri), ("P-Asserted-Identity", of.uri),
            ("In-Reply-To", sent.fields["Call-ID"], f"Call-ID of {message}"), ("Request-Disposition", None if self.direct else "no-fork"),
            ("Content-Type", SMS), ("RP-MR", sent.fields.get("RP-MR"), f"of {message}"), ("TP", "SMS-SUBMIT REPORT"),
            ("TPDU", returned.fields.get("sm-RP-UI"), f"of {result}"),
        ])
        ladder.step(taken, ue, GATEWAY, "200 to MESSAGE", of=told)
        ladder.that(self.trace.place[id(answered)] < self.trace.place[id(told)], "the report is before the 202")

    @staticmethod
    def short(tpdu):
        """The box's reports have the last half of the message's fingerprint."""
        return bytes.fromhex(fingerprint(tpdu)[8:]).hex(":")

    def p_8_3_mo_ladder(self, ladder, registered):
        """8.3: a message from a UE with direct access."""
        ladder.last = registered
        ladder.note("1", UE, "is registered (8.1)")
        self.submitted(ladder, ("2", "2", "3", "4, 5", "6", "7", "7"))

    def p_8_9_mo_over_ims_ladder(self, ladder, registered):
        """8.9: a message over the IMS."""
        ladder.last = registered
        ladder.note("1", SCSCF, "UE: is registered (8.7)")
        self.submitted(ladder, ("2, 3", "4, 5", "6", "7, 8", "9", "10, 11", "12, 13"))

    # Messages to a mobile.

    def routed(self, ladder, number, nodes, flags=None):
        """sendRoutingInfoForSM: the indication goes there, addresses of `nodes` come back."""
        of = self.of
        asked = ladder.step(number, SMSC, HLR, "sendRoutingInfoForSM", [
            *parties(of.centre, "8", of.hlr, "6"), context("gateway"), ("msisdn", of.msisdn), ("serviceCentreAddress", of.centre),
            ("gprsSupportIndicator", True), ("extId", IP_MESSAGING if self.indicated else None, f"{IP_MESSAGING}: IP messaging is supported"),
        ])
        if flags:
            ladder.step(number, HLR, SMSC, "informServiceCentre", flags, of=asked)
        return ladder.step(number, HLR, SMSC, "sendRoutingInfoForSM result", [("imsi", of.imsi), *nodes], of=asked)

    @property
    def three(self):
        return [
            ("networkNode-Number", self.of.gateway), ("imsNodeIndicator", True), ("additional-Number", "msc-Number"), ("msc-Number", MSC),
            ("thirdNumber", "sgsn-Number"), ("sgsn-Number", SGSN),
        ]

    @property
    def alone(self):
        """Without the indication of IP messaging the gateway stands as what it appears as (decision 0015)."""
        as_sgsn = not self.indicated and self.of.node == "sgsn"
        return [
            ("networkNode-Number", self.of.gateway), ("imsNodeIndicator", self.indicated or None), ("gprsNodeIndicator", as_sgsn or None),
            ("additional-Number", None), ("thirdNumber", None),
        ]

    def forwarded(self, ladder, number, node, title, ssn, tpdu=None):
        of = self.of
        wanted = [("sm-RP-UI", tpdu, "the same TPDU")] if tpdu else []
        return ladder.step(number, SMSC, node, "mt-forwardSM", [
            *parties(of.centre, "8", title, ssn), context("MT"), ("imsi", of.imsi), ("serviceCentreAddressOA", of.centre),
            ("TP", "SMS-DELIVER"), *wanted,
        ])

    def to_ue(self, ladder, number, asked):
        """MESSAGE with RP-DATA."""
        of = self.of
        uri = self.contact if self.direct else f"tel:+{of.msisdn}"
        ims = [
            ("Route", None if self.direct else f"{of.scscf};lr"), ("Request-Disposition", None if self.direct else "no-fork"),
            ("Accept-Contact", None if self.direct else "*;+g.3gpp.smsip;require;explicit"),
        ]
        return ladder.step(number, GATEWAY, self.ue, "MESSAGE with RP-DATA", [
            ("Request-URI", uri), ("From", of.uri), ("To", f"tel:+{of.msisdn}"), ("P-Asserted-Identity", of.uri), *ims, ("Content-Type", SMS),
            ("In-Reply-To", None), ("RP-OA", of.centre), ("TP", "SMS-DELIVER"), ("TPDU", asked.fields.get("sm-RP-UI"), "the TPDU unchanged"),
        ])

    def delivered(self, ladder, numbers, nodes, flags=None, tpdu=None):
        """From the service centre to the UE, and its report back: by these step numbers."""
        of, ue = self.of, self.ue
        submit, route, forward, message, answer, report, result, status, told, taken = numbers
        lines = [line for line in self.trace.facts["ledgers"] if line["direction"] == "mt" and "outcome" in line]
        ladder.note(submit, SMSC, "SM-SC: has a message for the subscriber (ledger)", [line["mobile"] for line in lines] == [of.msisdn], lines)
        self.routed(ladder, route, nodes, flags)
        asked = self.forwarded(ladder, forward, GATEWAY, of.gateway, AMONG if self.indicated else of.ssn, tpdu)
        sent = self.to_ue(ladder, message, asked)
        ladder.step(answer, ue, GATEWAY, "200 to MESSAGE", of=sent)
        reported = ladder.step(report, ue, GATEWAY, "MESSAGE with RP-ACK", [
            ("Request-URI", of.uri), ("From", of.identity), ("P-Asserted-Identity", of.identity),
            ("In-Reply-To", sent.fields["Call-ID"], f"Call-ID of {message}"), ("Content-Type", SMS),
            ("RP-MR", sent.fields.get("RP-MR"), f"of {message}"), ("TP", "SMS-DELIVER REPORT"),
            ("TP-UD", self.short(sent.fields.get("TPDU", "")), "of this message"),
        ])
        ended = ladder.step(result, GATEWAY, SMSC, "mt-forwardSM result", [
            ("TP", "SMS-DELIVER REPORT"), ("sm-RP-UI", reported.fields.get("TPDU"), "the TPDU unchanged"),
        ], of=asked)
        if flags:
            status_asked = ladder.step(status, SMSC, HLR, "reportSM-DeliveryStatus", [
                *parties(of.centre, "8", of.hlr, "6"), context("gateway"), ("msisdn", of.msisdn), ("serviceCentreAddress", of.centre),
                ("sm-DeliveryOutcome", "successfulTransfer"), ("ip-sm-gw-Indicator", self.indicated or None),
                ("deliveryOutcomeIndicator", None if self.indicated else True),
            ])
            ladder.step(status, HLR, SMSC, "reportSM-DeliveryStatus result", of=status_asked)
        else:
            reports = [event for event in self.trace.events if event.name == "reportSM-DeliveryStatus"]
            ladder.note(status, SMSC, "no reportSM-DeliveryStatus: the HLR has set no flag (TS 23.040 3.2.8)", not reports, "there is one")
        lines = self.ledger("mt", sent.fields.get("TPDU", ""))
        said, taken_by = [line["outcome"] for line in lines if "outcome" in line], [line["accepted"] for line in lines if line.get("accepted")]
        ladder.note(told, SMSC, "SM-SC: knows that it is delivered; the UE has it once (ledgers)", (said, taken_by) == (["accepted"], [1]), lines)
        ladder.step(taken, GATEWAY, ue, f"{of.report_answer} to MESSAGE", of=reported, after=reported)
        ladder.last = ended
        return sent

    def p_8_4_mt_ladder(self, ladder, registered, flags=None, tpdu=None):
        """8.4: a message to a UE with direct access; alone if the HLR has `flags` for the other nodes."""
        ladder.last = registered
        ladder.note("1", UE, "is registered (8.1)")
        self.delivered(ladder, ("2", "3", "4", "5", "5", "5", "6", "7", "8", "6"), self.alone if flags else self.three, flags, tpdu)

    def p_8_10_mt_over_ims_ladder(self, ladder, registered, flags=None, tpdu=None):
        """8.10: a message over the IMS; alone if the HLR has `flags` for the other nodes."""
        ladder.last = registered
        ladder.note("1", SCSCF, "UE: is registered (8.7)")
        self.delivered(ladder, ("2", "3", "4", "5, 6", "7, 8", "9, 10", "11", "12", "13", "14, 15"), self.alone if flags else self.three, flags, tpdu)

    def fails(self, ladder, number, node, title, ssn, diagnostic, tpdu):
        """8.5 step 7: a node of the other domains finds nobody."""
        asked = self.forwarded(ladder, number, node, title, ssn, tpdu)
        ladder.step(number, node, SMSC, "mt-forwardSM error", [("error", "absentSubscriberSM"), ("absentSubscriberDiagnosticSM", diagnostic)], of=asked)
        return asked

    def status(self, ladder, number, outcomes):
        """8.5 step 8: the HLR is told of every domain."""
        of = self.of
        asked = ladder.step(number, SMSC, HLR, "reportSM-DeliveryStatus", [
            *parties(of.centre, "8", of.hlr, "6"), context("gateway"), ("msisdn", of.msisdn), ("serviceCentreAddress", of.centre),
            ("sm-DeliveryOutcome", "absentSubscriber"), ("absentSubscriberDiagnosticSM", "0"), ("gprsSupportIndicator", True),
            ("additionalSM-DeliveryOutcome", "absentSubscriber"), ("additionalAbsentSubscriberDiagnosticSM", "5"), *outcomes,
        ])
        ladder.step(number, HLR, SMSC, "reportSM-DeliveryStatus result", of=asked)

    def p_8_5_failure_ladder(self, ladder, registered):
        """8.5: the UE answers and never reports, and MSC and SGSN find nobody."""
        ladder.last = registered
        ladder.note("1", self.ue, "is registered (8.1)" if self.direct else "UE: is registered (8.7)")
        ladder.note("2", SMSC, "SM-SC: has a message for the subscriber")
        self.routed(ladder, "3", self.three)
        asked = self.forwarded(ladder, "4", GATEWAY, self.of.gateway, AMONG)
        sent = self.to_ue(ladder, "5", asked)
        ladder.step("5", self.ue, GATEWAY, "200 to MESSAGE", of=sent)
        ladder.note("5", self.ue, "no report", not [event for event in self.trace.events if event.fields.get("In-Reply-To") == sent.fields["Call-ID"]], "there is one")
        ladder.step("6", GATEWAY, SMSC, "mt-forwardSM error", [
            ("error", "absentSubscriberSM"), ("absentSubscriberDiagnosticSM", "12", "12: no response by way of the gateway"),
        ], of=asked)
        tpdu = asked.fields.get("sm-RP-UI")
        self.fails(ladder, "7", "MSC", MSC, "8", "0", tpdu)
        self.fails(ladder, "7", "SGSN", SGSN, "149", "5", tpdu)
        self.status(ladder, "8", [
            ("ip-sm-gw-sm-deliveryOutcome", "absentSubscriber"), ("ip-sm-gw-absentSubscriberDiagnosticSM", "12"), ("extId", SMSC_KIND),
            ("extension", holds(VOICE_MAIL), "voice mail server"),
        ])
        lines = self.ledger("mt", tpdu or "")
        said, taken_by = [line["outcome"] for line in lines if "outcome" in line], [line for line in lines if line.get("accepted")]
        ladder.note("9", SMSC, "SM-SC: keeps the message until its validity ends; nobody has it (ledgers)", (said, taken_by) == (["failed"], []), lines)

    def p_8_6_alerting_ladder(self, ladder, left):
        """8.6: nobody is anywhere, the message waits; then the UE registers. What follows is 8.4 or 8.10: after which event, with which flags and TPDU."""
        of = self.of
        ladder.note("1", SMSC, "SM-SC: has a message for the subscriber")
        # sendRoutingInfoForSM is asked when the UE begins to leave, and answered when it has left.
        routed = self.routed(ladder, "1", [("networkNode-Number", MSC), ("imsNodeIndicator", None), ("additional-Number", "sgsn-Number"), ("sgsn-Number", SGSN)])
        ladder.that(self.trace.place[id(routed)] > self.trace.place[id(left)], "sendRoutingInfoForSM is answered before the UE has left")
        ladder.note("1", GATEWAY, "is no longer told: the UE has left")
        asked = self.fails(ladder, "1", "MSC", MSC, "8", "0", None)
        self.fails(ladder, "1", "SGSN", SGSN, "149", "5", asked.fields.get("sm-RP-UI"))
        self.status(ladder, "1", [("ip-sm-gw-sm-deliveryOutcome", None)])
        register = self.p_8_1_registration_ladder if self.direct else self.p_8_7_registration_over_ims_ladder
        register(ladder, number="2")
        # The HLR alerts at the registration, whether the gateway has its answer already or not.
        r1 = [claim.event for claim in self.trace.claims.values() if claim.ladder == ladder.name and claim.event.name in ("anyTimeModification", "updateGprsLocation")]
        alert = ladder.step("3", HLR, SMSC, "alertServiceCentre", [
            *parties(of.hlr, "6", of.centre, "8"), context("alert"), ("msisdn", of.msisdn), ("serviceCentreAddress", of.centre),
        ], after=r1[-1])
        ladder.step("3", SMSC, HLR, "alertServiceCentre result", of=alert)
        ladder.note("4", SMSC, "SMS-GMSC: alerts the SM-SC, which begins anew")
        flags = [("mnrf.Set", True), ("mnrg.Set", True), ("mcef.Set", False), ("absentSubscriberDiagnosticSM", "0"), ("additionalAbsentSubscriberDiagnosticSM", "5")]
        return alert, flags, asked.fields.get("sm-RP-UI")


@dataclass
class Scenario:
    """A run, what it is configured with, and its ladders: `play(draw, procedures)`, by `draw(name, act)`."""

    name: str
    of: stage.Network
    direct: bool
    play: object
    sections: dict
    timers: str = ""
    end: object = lambda run: True

    @property
    def indicated(self):
        """Whether the SMS-GMSC says that it supports IP messaging."""
        return "ip_messaging = false" not in self.sections.get("smsc", "")


def draw(trace, file, title, act, *given, **more):
    """Draws the ladder of a procedure, for a file of docs/flows/ladders if it is one of those shown there; what the procedure returns."""
    kept = []
    name = f"{act.__name__}, {title}"
    trace.draw(name, lambda ladder: kept.append(act(ladder, *given, **more)))
    trace.files.setdefault(file, []).append(trace.ladders[name])
    if not kept:
        raise Missing(f"{name} has not come to its end")
    return kept[0]


def begin(trace, scenario):
    """MSC and SGSN have the subscriber attached; the procedures, and what R1 is called."""
    procedures = Procedures(trace, scenario.of, scenario.direct, scenario.indicated)
    trace.draw("MSC and SGSN have the subscriber attached", procedures.attached)
    return procedures, {"any_time_modification": "anyTimeModification", "update_gprs_location": "updateGprsLocation"}[scenario.of.r1]


def both_ways(trace, scenario):
    """Registration and another, a message each way, de-registration."""
    (it, r1), of, direct = begin(trace, scenario), scenario.of, scenario.direct
    where = f"the gateway as {'an MSC' if of.node == 'msc' else 'an SGSN'}"
    if direct:
        registered = draw(trace, "p_8_1", r1, it.p_8_1_registration_ladder, presence=True)
        registered = draw(trace, "p_8_1", f"after {r1}", it.p_8_1_reregistration_ladder, registered)
        draw(trace, "p_8_3", where, it.p_8_3_mo_ladder, registered)
        draw(trace, "p_8_4", where, it.p_8_4_mt_ladder, registered)
        draw(trace, "p_8_2_1", r1 if of.node == "msc" else "purgeMS", it.p_8_2_1_deregistration_ladder, presence=True)
    else:
        registered = draw(trace, "p_8_7", r1, it.p_8_7_registration_over_ims_ladder)
        registered = draw(trace, "p_8_7", f"after {r1}", it.p_8_7_reregistration_over_ims_ladder, registered)
        draw(trace, "p_8_9", where, it.p_8_9_mo_over_ims_ladder, registered)
        draw(trace, "p_8_10", where, it.p_8_10_mt_over_ims_ladder, registered)
        draw(trace, "p_8_8", r1 if of.node == "msc" else "purgeMS", it.p_8_8_deregistration_over_ims_ladder)


def guard_timer(trace, scenario):
    """Registration, and nothing more of the UE."""
    (it, r1), of, direct = begin(trace, scenario), scenario.of, scenario.direct
    registered = draw(trace, None, r1, it.p_8_1_registration_ladder, SHORT)
    draw(trace, "p_8_2_2", r1 if of.node == "msc" else "purgeMS", it.p_8_2_2_guard_timer_ladder, registered)


def failure(trace, scenario):
    """Registration, and a message that nobody takes."""
    (it, r1), of, direct = begin(trace, scenario), scenario.of, scenario.direct
    registered = draw(trace, None, r1, it.p_8_1_registration_ladder if direct else it.p_8_7_registration_over_ims_ladder)
    draw(trace, "p_8_5", "directly" if direct else "over the IMS", it.p_8_5_failure_ladder, registered)


def alerting(trace, scenario):
    """A message for somebody who has left and comes back."""
    (it, r1), of, direct = begin(trace, scenario), scenario.of, scenario.direct
    draw(trace, None, r1, it.p_8_1_registration_ladder if direct else it.p_8_7_registration_over_ims_ladder)
    leave = it.p_8_2_1_deregistration_ladder if direct else it.p_8_8_deregistration_over_ims_ladder
    left = draw(trace, None, r1, leave)
    alert, flags, tpdu = draw(trace, "p_8_6", "directly" if direct else "over the IMS", it.p_8_6_alerting_ladder, left)
    deliver = it.p_8_4_mt_ladder if direct else it.p_8_10_mt_over_ims_ladder
    title = "after an alert (8.6)" + ("" if scenario.indicated else ", the SMS-GMSC without the indication")
    draw(trace, "p_8_4" if direct else "p_8_10", title, deliver, alert, flags, tpdu)


EACH = "refreshes = 1\nwindow = 1\nmo = 1\nmt = 1\ndirect_mo = 1\ndirect_mt = 1\nderegister = true"
# No presence server is there: what the HLR publishes is seen all the same.
TOLD = '[hlr.presence]\nserver = "10.7.0.253:5060"\n'
ABSENT_EVERYWHERE = "[serving_node.model.errors]\nabsentSubscriberSM = 1.0"
FAILING = {"traffic": "mt = 1\ndirect_mt = 1", "smsc": 'kind = "voice-mail"\nvalidity_s = 3', "ue": "mute = 1.0", "serving_node": ABSENT_EVERYWHERE}
# By this seed the UE stays away for three seconds; the HLR takes half of that for each question: it answers the first when the UE has left.
LEAVING = {
    "seed": 4, "traffic": "mt = 1\ndirect_mt = 1\nabsent = 1.0\nabsent_ms = 5000",
    "hlr": "[hlr.models.sendRoutingInfoForSM]\ndelay_ms = 1500\n", "serving_node": ABSENT_EVERYWHERE,
}
SCENARIOS = [
    Scenario("ims-msc", AS_MSC, False, both_ways, {"traffic": EACH}),
    Scenario("ims-sgsn", AS_SGSN, False, both_ways, {"traffic": EACH}),
    Scenario("direct-msc", AS_MSC, True, both_ways, {"traffic": EACH, "hlr": TOLD}),
    Scenario("direct-sgsn", AS_SGSN, True, both_ways, {"traffic": EACH, "hlr": TOLD}),
    Scenario("guard-msc", AS_MSC, True, guard_timer, {"traffic": f"expires = {SHORT}"}, f"guard_s = {GUARD}", lambda run: run.informed() == 1),
    Scenario("guard-sgsn", AS_SGSN, True, guard_timer, {"traffic": f"expires = {SHORT}"}, f"guard_s = {GUARD}", lambda run: run.informed() == 1),
    Scenario("failing-direct", AS_MSC, True, failure, FAILING, "mt_report_ms = 300"),
    Scenario("failing-ims", AS_SGSN, False, failure, FAILING, "mt_report_ms = 300"),
    Scenario("alert-direct", AS_SGSN, True, alerting, {**LEAVING, "smsc": "ip_messaging = false"}),
    Scenario("alert-ims", AS_MSC, False, alerting, LEAVING),
]


def judge(scenario, events, facts, checks):
    """All that is asked of a run; its ladders by file."""
    trace = Trace(events, facts, checks)
    try:
        scenario.play(trace, scenario)
    except Missing as missing:
        checks.that(f"{scenario.name}: all its ladders are drawn", False, missing)
    trace.leftover(f"{scenario.name}: nothing goes between the nodes but these steps")
    return trace


def g_7_msc_in_one_network_and_sgsn_in_the_other(checks, scenario, trace):
    """What the gateway is to SMS-IWMSC and SMS-GMSC."""
    name, of = "g_7_msc_in_one_network_and_sgsn_in_the_other", scenario.of
    for event in trace.events:
        if event.name == "mo-forwardSM":
            checks.equal(name, event.fields["calling"], f"{of.gateway} SSN {of.ssn}", scenario.name)
        elif event.name == "mt-forwardSM" and event.destination == GATEWAY and not scenario.indicated:
            checks.equal(name, event.fields["called"], f"{of.gateway} SSN {of.ssn}", scenario.name)


def r_5_the_gateway_among_msc_and_sgsn(checks, scenario, trace):
    """Whom sendRoutingInfoForSM names: all three; of somebody who has left MSC and SGSN, and then, with their flags set, the gateway alone."""
    of = scenario.of
    told = [event.fields for event in trace.events if event.name == "sendRoutingInfoForSM result"]
    seen = [{fields.get(name) for name in ("networkNode-Number", "msc-Number", "sgsn-Number")} - {None} for fields in told]
    wanted = {alerting: [{MSC, SGSN}, {of.gateway}], guard_timer: []}.get(scenario.play, [{of.gateway, MSC, SGSN}])
    checks.equal("r_5_the_gateway_among_msc_and_sgsn", seen, wanted, scenario.name)


def r_6_titles_are_those_of_the_nodes(checks, scenario, trace):
    """SCCP's addresses name the nodes whose packets they are in."""
    of = scenario.of
    titles = {GATEWAY: of.gateway, HLR: of.hlr, SMSC: of.centre, "MSC": MSC, "SGSN": SGSN}
    for event in trace.events:
        if "called" in event.fields:
            seen = tuple(event.fields[party].split()[0] for party in ("calling", "called"))
            checks.equal("r_6_titles_are_those_of_the_nodes", seen, (titles[event.source], titles[event.destination]), event)


# Planted faults: a recorded run with one thing wrong.


def altered(value):
    """Another value."""
    if value is None:
        return "there"
    return None if value is True else [] if isinstance(value, list) else value[:1:-1] if value else "0"


def planted(trace):
    """Kind of fault, where, and the events with it."""
    events = trace.events

    def with_one(at, **changes):
        return [*events[:at], replace(events[at], **changes), *events[at + 1 :]]

    for at, event in enumerate(events):
        claim = trace.claims[id(event)]
        yield "a message that is missing", event, [*events[:at], *events[at + 1 :]]
        yield "a message that comes twice", event, [*events[: at + 1], replace(event), *events[at + 1 :]]
        yield "a message from somebody else", event, with_one(at, source=HLR if event.source != HLR else SMSC)
        yield "a message to somebody else", event, with_one(at, destination="MSC" if event.destination != "MSC" else "SGSN")
        yield "another message", event, with_one(at, name=f"{event.name}s")
        if " " in event.name:
            yield "an answer in another dialogue", event, with_one(at, dialogue="another")
        for field in claim.fields:
            yield "a field with another value", f"{event}: {field}", with_one(at, fields={**event.fields, field: altered(event.fields.get(field))})
        if claim.after is not None:
            before = trace.place[id(claim.after)]
            yield "a message before the one it follows", event, [*events[:before], event, *events[before:at], *events[at + 1 :]]


def interleaved(trace, random):
    """The messages of two ladders that go at the same time, in another order between the two."""
    kept = ("_mo_", "_mt_")
    of = [[event for event in trace.events if ladder in trace.claims[id(event)].ladder] for ladder in kept]
    places = sorted(trace.place[id(event)] for events in of for event in events)
    turns = [number for number, events in enumerate(of) for _ in events]
    random.shuffle(turns)
    rest, merged = [iter(events) for events in of], list(trace.events)
    for place, turn in zip(places, turns):
        merged[place] = next(rest[turn])
    return merged


def self_test(checks, scenario, trace):
    """Every planted fault is found; other orders of what is independent pass."""
    for kind, where, events in planted(trace):
        quiet = checking.Checks("")
        judge(scenario, events, trace.facts, quiet)
        found = any(bad for _, bad in quiet.done.values())
        checks.that(f"self-test: {kind} is found", found, f"{scenario.name}: {where}")
    random = randomness.Random(scenario.name)
    for _ in range(ORDERS if scenario.play is both_ways else 0):
        quiet = checking.Checks("")
        judge(scenario, interleaved(trace, random), trace.facts, quiet)
        checks.equal("self-test: messages both ways pass in any order between the two", [bad for _, bad in quiet.done.values() if bad], [], scenario.name)
    kind, changed = ("a mapping that stays", {"subscribers": 1}) if scenario.play is guard_timer else ("a message that nobody has", {"ledgers": []})
    quiet = checking.Checks("")
    judge(scenario, trace.events, trace.facts | changed, quiet)
    checks.that(f"self-test: {kind} is found", any(bad for _, bad in quiet.done.values()), scenario.name)


def ladders_are_those_of_the_documentation(checks, traces, write):
    """docs/flows/ladders has what was drawn, byte for byte."""
    drawn = {}
    for trace in traces:
        for file, ladders in trace.files.items():
            if file:
                drawn.setdefault(f"{file}.txt", []).extend(ladder.text() for ladder in ladders)
    texts = {name: "\n".join(ladders) for name, ladders in drawn.items()}
    if write:
        LADDERS.mkdir(exist_ok=True)
        for name, text in texts.items():
            (LADDERS / name).write_text(text)
    kept = {file.name: file.read_text() for file in LADDERS.glob("*")}
    checks.equal("docs/flows/ladders: a file for each procedure", sorted(kept), sorted(texts))
    for name, text in texts.items():
        print(text)
        differing = [f"{ours!r}, drawn {theirs!r}" for ours, theirs in zip_longest(kept.get(name, "").splitlines(), text.splitlines()) if ours != theirs]
        checks.that(f"docs/flows/ladders/{name} is what was drawn", kept.get(name) == text, "; ".join(differing[:3]))


def play(scenario, binary):
    """A run of both processes; its events and facts."""
    with stage.Run(binary, labs.FILES / "ladder_judge" / scenario.name) as run:
        return run.perform(scenario.of, scenario.direct, scenario.sections, scenario.timers, scenario.end)


def performed(binary):
    """The runs, some at a time; each scenario with a function that gives its outcome. Whoever ends the judge ends them."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            for scenario, run in [(scenario, pool.submit(play, scenario, binary)) for scenario in SCENARIOS]:
                yield scenario, run.result
        except (KeyboardInterrupt, GeneratorExit):
            stage.INTERRUPTED.set()
            pool.shutdown(cancel_futures=True)
            raise


def main(binary, *options):
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    checks, traces = checking.Checks("ladder_judge"), []
    for scenario, outcome in performed(binary):
        try:
            events, facts = outcome()
        except (stage.StageError, subprocess.CalledProcessError, OSError) as error:
            checks.that(f"{scenario.name}: the run comes to its end", False, error)
            continue
        checks.equal(f"{scenario.name}: nothing is wrong with any packet", facts["faults"], [])
        checks.equal(f"{scenario.name}: both processes end well", facts["codes"], (0, 0))
        before = sum(len(bad) for _, bad in checks.done.values())
        trace = judge(scenario, events, facts, checks)
        g_7_msc_in_one_network_and_sgsn_in_the_other(checks, scenario, trace)
        r_5_the_gateway_among_msc_and_sgsn(checks, scenario, trace)
        r_6_titles_are_those_of_the_nodes(checks, scenario, trace)
        traces.append(trace)
        if sum(len(bad) for _, bad in checks.done.values()) == before:
            self_test(checks, scenario, trace)
    ladders_are_those_of_the_documentation(checks, traces, "--write" in options)
    _, failed = checks.print()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
