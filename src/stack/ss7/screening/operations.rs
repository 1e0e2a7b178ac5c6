//! Who may ask for which operation of MAP: the categories of GSMA FS.11.
//!
//! The text of FS.11 is its members' alone. What is here follows from which interfaces of TS 29.002 an operation is of, and
//! from what vendors of signalling firewalls publish about the categories.

/// What has to be true of who asks for an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Category 1: only nodes of our own network ask for it.
    Own,
    /// Category 2: only the subscriber's own network asks for it, of whoever serves the subscriber.
    Home,
    /// Category 3: only the network that serves the subscriber asks for it, of the subscriber's own.
    Visited,
    /// A short message to a subscriber: the service centre, or the SMS-GMSC of whoever runs it.
    Message,
    /// forwardSM, which is either of the two above: its argument tells.
    Either,
    /// Anybody.
    Any,
    /// None that the table has.
    Unlisted,
}

use Class::{Any, Either, Home, Message, Own, Visited};

/// Operation codes (TS 29.002 17.5) with the clause that says who talks to whom, and the class that follows from it.
const OPERATIONS: &[(u8, Class)] = &[
    (2, Visited),  // updateLocation, VLR to HLR (8.1)
    (3, Home),     // cancelLocation, HLR to VLR or SGSN (8.1)
    (4, Home),     // provideRoamingNumber, HLR to VLR (10)
    (5, Own),      // noteSubscriberDataModified, HLR to gsmSCF (8.11)
    (6, Own),      // resumeCallHandling, VMSC to GMSC (10): only where optimal routing is agreed on
    (7, Home),     // insertSubscriberData, HLR to VLR or SGSN (8.8)
    (8, Home),     // deleteSubscriberData, HLR to VLR or SGSN (8.8)
    (9, Own),      // sendParameters of version 1, between VLRs and to the HLR
    (10, Visited), // registerSS, VLR to HLR (11)
    (11, Visited), // eraseSS (11)
    (12, Visited), // activateSS (11)
    (13, Visited), // deactivateSS (11)
    (14, Visited), // interrogateSS (11)
    (15, Visited), // authenticationFailureReport (8.5)
    (17, Visited), // registerPassword (11)
    (18, Home),    // getPassword, HLR to VLR (11)
    (22, Own),     // sendRoutingInfo, GMSC to HLR (10)
    (23, Visited), // updateGprsLocation, SGSN to HLR (8.1)
    (24, Own),     // sendRoutingInfoForGprs, GGSN to HLR (13)
    (25, Own),     // failureReport, GGSN to HLR (13)
    (26, Own),     // noteMsPresentForGprs, HLR to GGSN (13)
    (29, Own),     // sendEndSignal, between MSCs (8.4)
    (33, Own),     // processAccessSignalling, between MSCs (8.4)
    (34, Own),     // forwardAccessSignalling, between MSCs (8.4)
    (37, Home),    // reset, HLR to VLR or SGSN (8.10)
    (38, Home),    // forwardCheckSS-Indication, HLR to VLR (8.10)
    (43, Own),     // checkIMEI, MSC to EIR (8.7)
    (44, Message), // mt-ForwardSM, SMS-GMSC to MSC, SGSN or IP-SM-GW (12.9)
    (45, Own),     // sendRoutingInfoForSM, SMS-GMSC to HLR, which relays it to us (12.1)
    (46, Either),  // mo-ForwardSM, MSC to SMS-IWMSC (12.2), or forwardSM of versions 1 and 2
    (47, Own),     // reportSM-DeliveryStatus, SMS-GMSC to HLR, which relays it to us (12.3)
    (48, Visited), // noteSubscriberPresent of version 1, VLR to HLR
    (49, Any),     // alertServiceCentreWithoutResult of version 1, HLR to a service centre
    (50, Home),    // activateTraceMode, HLR to VLR (9.1)
    (51, Home),    // deactivateTraceMode (9.1)
    (55, Own),     // sendIdentification, between VLRs or SGSNs (8.1)
    (56, Visited), // sendAuthenticationInfo, VLR or SGSN to HLR (8.5)
    (57, Visited), // restoreData, VLR to HLR (8.10)
    (58, Own),     // sendIMSI, VLR to HLR (8.9)
    (59, Visited), // processUnstructuredSS-Request, MSC to HLR (11)
    (60, Home),    // unstructuredSS-Request, HLR to VLR (11)
    (61, Home),    // unstructuredSS-Notify, HLR to VLR (11)
    (62, Own),     // anyTimeSubscriptionInterrogation, gsmSCF to HLR (8.11)
    (63, Any),     // informServiceCentre, HLR to SMS-GMSC, in the dialogue that this opened (12.6)
    (64, Any),     // alertServiceCentre, HLR to a service centre (12.5)
    (65, Own),     // anyTimeModification, gsmSCF or IP-SM-GW to HLR (8.11)
    (66, Visited), // readyForSM, VLR, SGSN or IP-SM-GW to HLR (12.4)
    (67, Visited), // purgeMS, VLR or SGSN to HLR (8.1)
    (68, Own),     // prepareHandover, between MSCs (8.4)
    (69, Own),     // prepareSubsequentHandover, between MSCs (8.4)
    (70, Home),    // provideSubscriberInfo, HLR to VLR or SGSN (8.11)
    (71, Own),     // anyTimeInterrogation, gsmSCF or GMLC to HLR (8.11)
    (83, Own),     // provideSubscriberLocation, GMLC to MSC or SGSN (13A)
    (85, Own),     // sendRoutingInfoForLCS, GMLC to HLR (13A)
    (86, Own),     // subscriberLocationReport, MSC or SGSN to GMLC (13A)
    (89, Visited), // noteMM-Event, VLR or SGSN to gsmSCF (8.1)
];

/// The class of each operation code.
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Unlisted; 256];
    let mut rest = OPERATIONS;
    while let [(opcode, class), after @ ..] = rest {
        classes[*opcode as usize] = *class;
        rest = after;
    }
    classes
};

/// Who may ask for an operation.
pub(super) fn class(opcode: u8) -> Class {
    CLASSES.get(usize::from(opcode)).copied().unwrap_or(Class::Unlisted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_operation_stands_in_the_table_once() {
        let codes: BTreeSet<u8> = OPERATIONS.iter().map(|(opcode, _)| *opcode).collect();
        assert_eq!(codes.len(), OPERATIONS.len());
        assert!(OPERATIONS.iter().all(|(opcode, listed)| class(*opcode) == *listed));
        assert_eq!(class(0), Class::Unlisted);
        assert_eq!(class(255), Class::Unlisted);
    }
}
