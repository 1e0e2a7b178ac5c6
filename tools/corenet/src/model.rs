//! How a node misbehaves: a mix of errors, delays and silence, by shares of what it is asked. Whoever tests a gateway or an
//! SMS-GMSC wants to see what it makes of them.

use crate::random::Random;
use ipsmgw::proto::map::{AbsentSubscriberDiagnostic, SmDeliveryFailureCause, UserError, operation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An error that a node answers for no reason of its own, by the name of TS 29.002 17.6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Failure {
    /// systemFailure.
    SystemFailure,
    /// dataMissing.
    DataMissing,
    /// unexpectedDataValue.
    UnexpectedDataValue,
    /// facilityNotSupported.
    FacilityNotSupported,
    /// unknownSubscriber.
    UnknownSubscriber,
    /// teleserviceNotProvisioned.
    TeleserviceNotProvisioned,
    /// callBarred, by the operator.
    CallBarred,
    /// absentSubscriberSM: an HLR's with diagnostic 11, "deregistered in the HSS/HLR for IMS", an MSC's with 0 and an SGSN's
    /// with 5, "no paging response".
    #[serde(rename = "absentSubscriberSM")]
    AbsentSubscriberSm,
    /// unidentifiedSubscriber.
    UnidentifiedSubscriber,
    /// illegalSubscriber.
    IllegalSubscriber,
    /// illegalEquipment.
    IllegalEquipment,
    /// subscriberBusyForMT-SMS.
    #[serde(rename = "subscriberBusyForMT-SMS")]
    SubscriberBusyForMtSms,
    /// sm-DeliveryFailure: the mobile's memory is full.
    MemoryCapacityExceeded,
    /// sm-DeliveryFailure: the mobile's protocol failed.
    EquipmentProtocolError,
    /// sm-DeliveryFailure: the mobile can't do short messages.
    #[serde(rename = "equipmentNotSM-Equipped")]
    EquipmentNotSmEquipped,
    /// sm-DeliveryFailure: the service centre is not known.
    UnknownServiceCentre,
    /// sm-DeliveryFailure: it has too much to do.
    #[serde(rename = "sc-Congestion")]
    ScCongestion,
    /// sm-DeliveryFailure: the destination is none.
    #[serde(rename = "invalidSME-Address")]
    InvalidSmeAddress,
    /// sm-DeliveryFailure: the sender is not the service centre's subscriber.
    #[serde(rename = "subscriberNotSC-Subscriber")]
    SubscriberNotScSubscriber,
    /// messageWaitingListFull.
    MessageWaitingListFull,
    /// roamingNotAllowed.
    RoamingNotAllowed,
    /// resourceLimitation.
    ResourceLimitation,
    /// atm-NotAllowed.
    #[serde(rename = "atm-NotAllowed")]
    AtmNotAllowed,
}

const fn failure(cause: SmDeliveryFailureCause) -> UserError<'static> {
    UserError::sm_delivery_failure(cause, None)
}

impl Failure {
    /// As MAP has it, and an HLR says it.
    #[must_use]
    pub const fn error(self) -> UserError<'static> {
        match self {
            Self::SystemFailure => UserError::system_failure(),
            Self::DataMissing => UserError::DataMissing,
            Self::UnexpectedDataValue => UserError::UnexpectedDataValue,
            Self::FacilityNotSupported => UserError::FacilityNotSupported,
            Self::UnknownSubscriber => UserError::UnknownSubscriber { diagnostic: Some(0) },
            Self::TeleserviceNotProvisioned => UserError::TeleserviceNotProvisioned,
            Self::CallBarred => UserError::CallBarred { cause: Some(1), unauthorised_originator: false },
            Self::AbsentSubscriberSm => {
                UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS)
            }
            Self::UnidentifiedSubscriber => UserError::UnidentifiedSubscriber,
            Self::IllegalSubscriber => UserError::IllegalSubscriber,
            Self::IllegalEquipment => UserError::IllegalEquipment,
            Self::SubscriberBusyForMtSms => UserError::SubscriberBusyForMtSms,
            Self::MemoryCapacityExceeded => failure(SmDeliveryFailureCause::MemoryCapacityExceeded),
            Self::EquipmentProtocolError => failure(SmDeliveryFailureCause::EquipmentProtocolError),
            Self::EquipmentNotSmEquipped => failure(SmDeliveryFailureCause::EquipmentNotSmEquipped),
            Self::UnknownServiceCentre => failure(SmDeliveryFailureCause::UnknownServiceCentre),
            Self::ScCongestion => failure(SmDeliveryFailureCause::ServiceCentreCongestion),
            Self::InvalidSmeAddress => failure(SmDeliveryFailureCause::InvalidSmeAddress),
            Self::SubscriberNotScSubscriber => failure(SmDeliveryFailureCause::SubscriberNotScSubscriber),
            Self::MessageWaitingListFull => UserError::MessageWaitingListFull,
            Self::RoamingNotAllowed => UserError::RoamingNotAllowed { cause: Some(0) },
            Self::ResourceLimitation => UserError::ResourceLimitation,
            Self::AtmNotAllowed => UserError::AtmNotAllowed,
        }
    }
}

/// What a node does with one kind of operation. Shares are from 0 to 1, of all that it is asked; what is left of them is
/// answered as it should be.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Never answered.
    pub silent: f64,
    /// Answered with these errors instead, by name.
    pub errors: BTreeMap<Failure, f64>,
    /// How long every answer takes at least, in milliseconds.
    pub delay_ms: u32,
    /// How much longer, at most: evenly spread.
    pub jitter_ms: u32,
    /// Take their time beyond that.
    pub slow: f64,
    /// How much, in milliseconds.
    pub slow_ms: u32,
}

/// What becomes of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is answered after this time: as it should be, or with this error, having changed nothing.
    Answer(Duration, Option<Failure>),
    /// It is not answered, and changes nothing.
    Silence,
}

impl Model {
    /// Whether the shares are shares of one whole.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let answers = self.errors.values().chain([&self.silent]);
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        if !answers.clone().chain([&self.slow]).all(is_share) {
            return Err("shares are from 0 to 1".to_owned());
        }
        if answers.sum::<f64>() > 1.0 + 1e-9 {
            return Err("silent and errors are shares of one whole: together 1 at most".to_owned());
        }
        Ok(())
    }

    /// Whether everything is answered as it should be, and at once.
    #[must_use]
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    /// Chooses what becomes of the next operation.
    pub fn choose(&self, random: &mut Random) -> Fate {
        if self.is_good() {
            return Fate::Answer(Duration::ZERO, None);
        }
        // One throw decides among what excludes each other, so that the shares are of all operations.
        let mut left = random.share();
        let mut hits = |share: f64| {
            let hit = (0.0..share).contains(&left);
            left -= share;
            hit
        };
        if hits(self.silent) {
            return Fate::Silence;
        }
        let error = self.errors.iter().find(|(_, share)| hits(**share)).map(|(failure, _)| *failure);
        let jitter = random.below(self.jitter_ms as usize + 1) as u64;
        let slow = if random.chance(self.slow) { self.slow_ms } else { 0 };
        let delay = u64::from(self.delay_ms) + u64::from(slow) + jitter;
        Fate::Answer(Duration::from_millis(delay), error)
    }
}

/// The models of an HLR: one for each operation by its name, and one for all others.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Models {
    /// For what has none of its own.
    pub all: Model,
    /// sendRoutingInfoForSM.
    #[serde(rename = "sendRoutingInfoForSM", skip_serializing_if = "Option::is_none")]
    pub send_routing_info_for_sm: Option<Model>,
    /// reportSM-DeliveryStatus.
    #[serde(rename = "reportSM-DeliveryStatus", skip_serializing_if = "Option::is_none")]
    pub report_sm_delivery_status: Option<Model>,
    /// readyForSM.
    #[serde(rename = "readyForSM", skip_serializing_if = "Option::is_none")]
    pub ready_for_sm: Option<Model>,
    /// anyTimeModification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_time_modification: Option<Model>,
    /// updateLocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_location: Option<Model>,
    /// updateGprsLocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_gprs_location: Option<Model>,
    /// purgeMS.
    #[serde(rename = "purgeMS", skip_serializing_if = "Option::is_none")]
    pub purge_ms: Option<Model>,
    /// sendAuthenticationInfo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_authentication_info: Option<Model>,
}

impl Models {
    /// The model of an operation, by its local code.
    #[must_use]
    pub fn of(&self, opcode: u8) -> &Model {
        let own = match opcode {
            operation::SEND_ROUTING_INFO_FOR_SM => &self.send_routing_info_for_sm,
            operation::REPORT_SM_DELIVERY_STATUS => &self.report_sm_delivery_status,
            operation::READY_FOR_SM => &self.ready_for_sm,
            operation::ANY_TIME_MODIFICATION => &self.any_time_modification,
            operation::UPDATE_LOCATION => &self.update_location,
            operation::UPDATE_GPRS_LOCATION => &self.update_gprs_location,
            operation::PURGE_MS => &self.purge_ms,
            operation::SEND_AUTHENTICATION_INFO => &self.send_authentication_info,
            _ => &None,
        };
        own.as_ref().unwrap_or(&self.all)
    }

    /// Checks all models.
    ///
    /// # Errors
    /// Says which is wrong, and what.
    pub fn check(&self) -> Result<(), String> {
        let named = [
            ("all", Some(&self.all)),
            ("sendRoutingInfoForSM", self.send_routing_info_for_sm.as_ref()),
            ("reportSM-DeliveryStatus", self.report_sm_delivery_status.as_ref()),
            ("readyForSM", self.ready_for_sm.as_ref()),
            ("anyTimeModification", self.any_time_modification.as_ref()),
            ("updateLocation", self.update_location.as_ref()),
            ("updateGprsLocation", self.update_gprs_location.as_ref()),
            ("purgeMS", self.purge_ms.as_ref()),
            ("sendAuthenticationInfo", self.send_authentication_info.as_ref()),
        ];
        for (name, model) in named {
            model.map_or(Ok(()), Model::check).map_err(|what| format!("{name}: {what}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 20_000;

    /// How many of many operations meet each fate but the right answer: silence, these errors, and more than the delay.
    fn count(model: &Model, seed: u64) -> (usize, Vec<usize>, usize) {
        let mut random = Random::new(seed);
        let (mut silent, mut errors, mut slow) = (0, vec![0; model.errors.len()], 0);
        for _ in 0..MANY {
            match model.choose(&mut random) {
                Fate::Silence => silent += 1,
                Fate::Answer(delay, failure) => {
                    let least = Duration::from_millis(model.delay_ms.into());
                    assert!(delay >= least);
                    slow += usize::from(delay >= least + Duration::from_millis(model.slow_ms.into()));
                    if let Some(place) =
                        failure.and_then(|failure| model.errors.keys().position(|key| *key == failure))
                    {
                        errors[place] += 1;
                    }
                }
            }
        }
        (silent, errors, slow)
    }

    fn about(count: usize, share: f64) -> bool {
        (count as f64 / MANY as f64 - share).abs() < 0.015
    }

    #[test]
    fn shares_are_of_all_operations_and_follow_from_the_seed() {
        let errors = [(Failure::SystemFailure, 0.3), (Failure::UnknownSubscriber, 0.1)];
        let model =
            Model { silent: 0.2, errors: errors.into(), slow: 0.5, slow_ms: 1_000, ..Model::default() };
        model.check().unwrap();
        let (silent, errors, slow) = count(&model, 1);
        assert!(about(silent, 0.2), "{silent}");
        assert!(about(errors[0], 0.3) && about(errors[1], 0.1), "{errors:?}");
        assert!(about(slow, 0.5 * 0.8), "{slow}: half of the answers");
        assert_eq!(count(&model, 1), (silent, errors, slow));
        assert_ne!(count(&model, 2).0, silent);
    }

    #[test]
    fn without_a_model_everything_is_answered_at_once() {
        let mut random = Random::new(1);
        assert_eq!(Model::default().choose(&mut random), Fate::Answer(Duration::ZERO, None));
        let dead = Model { silent: 1.0, ..Model::default() };
        assert_eq!(count(&dead, 1).0, MANY);
        let refusing = Model { errors: [(Failure::AtmNotAllowed, 1.0)].into(), ..Model::default() };
        assert_eq!(count(&refusing, 1).1, [MANY]);
    }

    #[test]
    fn a_delay_has_its_bounds() {
        let model = Model { delay_ms: 10, jitter_ms: 5, ..Model::default() };
        let mut random = Random::new(1);
        let mut seen: Vec<_> = (0..200).map(|_| model.choose(&mut random)).collect();
        seen.sort_by_key(|fate| match fate {
            Fate::Answer(delay, None) => *delay,
            other => panic!("{other:?}"),
        });
        let of = |millis| Fate::Answer(Duration::from_millis(millis), None);
        assert_eq!((seen[0], seen[199]), (of(10), of(15)));
    }

    #[test]
    fn models_are_read_by_the_operations_names_and_written_back() {
        let text = r#"
            [all]
            delay_ms = 3
            [sendRoutingInfoForSM]
            errors = { systemFailure = 0.5, absentSubscriberSM = 0.25, atm-NotAllowed = 0.25 }
            [purgeMS]
            silent = 1.0
        "#;
        let models: Models = toml::from_str(text).unwrap();
        models.check().unwrap();
        assert_eq!(models.of(operation::SEND_ROUTING_INFO_FOR_SM).errors[&Failure::AbsentSubscriberSm], 0.25);
        assert_eq!(models.of(operation::PURGE_MS).silent, 1.0);
        assert_eq!(models.of(operation::READY_FOR_SM).delay_ms, 3);
        let written = serde_json::to_string(&models).unwrap();
        assert_eq!(serde_json::from_str::<Models>(&written).unwrap(), models, "{written}");
        for wrong in ["[sendSms]\nsilent = 1.0", "[all]\nloud = 1.0", "[all]\nerrors = { tired = 1.0 }"] {
            assert!(toml::from_str::<Models>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_that_are_none_are_told() {
        let of = |silent, share| Model {
            silent,
            errors: [(Failure::DataMissing, share)].into(),
            ..Model::default()
        };
        for model in [of(0.6, 0.5), of(-0.1, 0.0), of(f64::NAN, 0.0), of(0.0, 1.5)] {
            let models = Models { ready_for_sm: Some(model), ..Models::default() };
            assert!(models.check().unwrap_err().starts_with("readyForSM: "));
        }
        assert!(Model { slow: 2.0, ..Model::default() }.check().is_err());
    }
}
