"""A stranger to the core network in a box: SMS-GMSC, IP-SM-GW and MSC in one, of pycrate over usrsctp.

It needs pycrate, libusrsctp, and the modules of tools/interop in PYTHONPATH."""
import asyncio
import os
import random

import m3ua
import map_peer
import sms
import usrsctp
from map_peer import MO_FORWARD, MO_RELAY, MT_FORWARD, Address

OWN, HLR_AT, CENTRE_AT = "10.98.0.2", "10.98.0.3", "10.98.0.1"
OWN_POINT_CODE, HLR_POINT_CODE, CENTRE_POINT_CODE = (2 << 11 | 100 << 3 | last for last in (4, 5, 6))
NETWORK_INDICATOR, ROUTING_CONTEXT = 2, 100
HLR, CENTRE, GATEWAY, GMSC = "491710000006", "491710000099", "4917100001", "491720000099"
ALICE, BOB = ("262010000000001", "491711000001"), ("262010000000002", "491711000002")
ROUTING, MODIFICATION = (0, 4, 0, 0, 1, 0, 20, 3), (0, 4, 0, 0, 1, 0, 43, 3)
SRI, ATM = 45, 65
WAIT = 10


async def attach(address, point_code, port):
    """An M3UA association with one of the box's nodes."""
    peer = map_peer.MapPeer(OWN_POINT_CODE, point_code, NETWORK_INDICATOR, random.Random())
    association = m3ua.Association(address, peer.on_transfer, ROUTING_CONTEXT)
    association.connect(OWN, port, address, 2905)
    await asyncio.wait_for(association.active.wait(), WAIT)
    peer.associations = [association]
    return peer


async def ask(peer, called, calling, context, opcode, name, argument):
    """Invokes an operation in a dialogue of its own; the component that ends it, or none if there was no answer."""
    invoke = ("invoke", {"invokeId": ("present", 1), "opcode": ("local", opcode), "argument": (name, argument)})
    otid = peer.begin(called, calling, context, invoke)
    kind, value = (await peer.inbox.get(name, lambda it: it.dtid == otid and it.kind == "end", WAIT)).component()
    if kind == "returnError":
        return f"error {value['errcode'][1]}, {value['parameter'][1]}"
    return value.get("result", {}).get("result", (None, {}))[1]


async def route(hlr):
    """sendRoutingInfoForSM, as an SMS-GMSC asks it."""
    argument = {"msisdn": sms.international(ALICE[1]), "sm-RP-PRI": True, "serviceCentreAddress": sms.international(GMSC)}
    result = await ask(hlr, Address(6, HLR), Address(8, GMSC), ROUTING, SRI, "RoutingInfoForSM-Arg", argument)
    if isinstance(result, dict):
        node = result["locationInfoWithLMSI"]["networkNode-Number"]
        result = f"IMSI {sms.digits(result['imsi'])}, at {sms.digits(node[1:])}"
    print("sendRoutingInfoForSM:", result, flush=True)


async def register(hlr):
    """anyTimeModification, as a gateway registers a subscriber; whoever asked for her before is alerted."""
    argument = {"subscriberIdentity": ("imsi", sms.bcd(ALICE[0])), "gsmSCF-Address": sms.international(GATEWAY), "modificationRequestFor-IP-SM-GW-Data": {"modifyRegistrationStatus": "activate"}}
    result = await ask(hlr, Address(6, HLR), Address(147, GATEWAY), MODIFICATION, ATM, "AnyTimeModificationArg", argument)
    print("anyTimeModification: the service centre is", sms.digits(result["serviceCentreAddress"][1:]), flush=True)
    alert = await hlr.inbox.get("alertServiceCentre", lambda it: it.kind == "begin", WAIT)
    print("alertServiceCentre:", sms.digits(alert.argument()["msisdn"][1:]), "can be reached", flush=True)
    hlr.answer(alert, ("returnResult", {"invokeId": alert.component()[1]["invokeId"]}))


async def submit(centre, text):
    """mo-forwardSM, as an MSC sends it for Bob."""
    septets = [ord(character) for character in text]
    tpdu = b"\x01\x07" + sms.tp_address(ALICE[1]) + b"\x00\x00" + bytes([len(septets)]) + sms.pack(septets)
    argument = {"sm-RP-DA": ("serviceCentreAddressDA", sms.international(CENTRE)), "sm-RP-OA": ("msisdn", sms.international(BOB[1])), "sm-RP-UI": tpdu, "imsi": sms.bcd(BOB[0])}
    result = await ask(centre, Address(8, CENTRE), Address(8, GATEWAY), MO_RELAY, MO_FORWARD, "MO-ForwardSM-Arg", argument)
    print("mo-forwardSM: SUBMIT-REPORT", result["sm-RP-UI"].hex(), flush=True)


async def deliver(centre):
    """mt-forwardSM, as a gateway takes it."""
    asked = await centre.inbox.get("mt-forwardSM", lambda it: it.kind == "begin", WAIT)
    argument = asked.argument()
    print("mt-forwardSM: for", sms.digits(argument["sm-RP-DA"][1]), "SMS-DELIVER", argument["sm-RP-UI"].hex(), flush=True)
    centre.answer(asked, map_peer.result(asked.component()[1]["invokeId"][1], MT_FORWARD, b"\x00\x00"))


async def main():
    usrsctp.start()
    hlr, centre = await attach(HLR_AT, HLR_POINT_CODE, 2905), await attach(CENTRE_AT, CENTRE_POINT_CODE, 2906)
    await route(hlr)
    await register(hlr)
    await route(hlr)
    await submit(centre, "Good morning")
    await deliver(centre)
    for peer in (hlr, centre):
        peer.associations[0].socket.shutdown()
        await asyncio.wait_for(peer.associations[0].ended.wait(), WAIT)


asyncio.run(main())
# usrsctp's threads would keep the process.
os._exit(0)
