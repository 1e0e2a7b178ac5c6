//! A test for each procedure of TR 23.804 that the gateway has, against the real binary over real packets: what is
//! checked is the fields, octet by octet where the octets are ours to choose (PROTOCOLS 1, 2, 5 to 7).

mod harness;

#[path = "procedures/alerting.rs"]
mod alerting;
#[path = "procedures/charging.rs"]
mod charging;
#[path = "procedures/core_hosts.rs"]
mod core_hosts;
#[path = "procedures/direct.rs"]
mod direct;
#[path = "procedures/direct_ends.rs"]
mod direct_ends;
#[path = "procedures/direct_messages.rs"]
mod direct_messages;
#[path = "procedures/fragments.rs"]
mod fragments;
#[path = "procedures/ipv6.rs"]
mod ipv6;
#[path = "procedures/keep_alives.rs"]
mod keep_alives;
#[path = "procedures/mo.rs"]
mod mo;
#[path = "procedures/mt.rs"]
mod mt;
#[path = "procedures/network.rs"]
mod network;
#[path = "procedures/numbers.rs"]
mod numbers;
#[path = "procedures/r1.rs"]
mod r1;
#[path = "procedures/reg_event.rs"]
mod reg_event;
#[path = "procedures/registration.rs"]
mod registration;
#[path = "procedures/reports.rs"]
mod reports;
#[path = "procedures/several.rs"]
mod several;
#[path = "procedures/spoofing.rs"]
mod spoofing;
#[path = "procedures/spoofing_aka.rs"]
mod spoofing_aka;
#[path = "procedures/unsuccessful.rs"]
mod unsuccessful;
