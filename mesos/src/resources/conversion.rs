//! What operations do to resources: some are consumed, others come in their place (row OP-07).

use super::{Resources, is_reserved, is_unreserved, reservation_role};
use crate::operation::{OfferOperation, OfferOperationType};
use crate::resource::Resource;

/// One step of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// What must be there, and goes.
    pub consumed: Resources,
    /// What comes.
    pub converted: Resources,
    /// A volume of which nothing may be left afterwards: it is destroyed, and other copies of it
    /// would be in use without it.
    pub destroyed: Option<Resource>,
}

/// Why an operation cannot be applied; the words are Mesos's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// What it consumes is not there.
    #[error("{resources} does not contain {consumed}")]
    NotContained {
        /// What is there.
        resources: String,
        /// What it consumes.
        consumed: String,
    },
    /// Someone else uses the volume that it destroys.
    #[error("Persistent volume {0} cannot be removed due to additional shared copies")]
    SharedCopies(String),
    /// The provider of the resources alone knows what comes of it.
    #[error("Operation not supported for resource provider")]
    Provider,
    /// It converts nothing, or not by a rule known beforehand.
    #[error("Operation {0} has no resource conversions")]
    None(OfferOperationType),
    /// Its type does not go with its body.
    #[error("Operation {0} lacks its body")]
    Body(OfferOperationType),
}

impl Conversion {
    /// A step without further conditions.
    pub fn new(consumed: Resources, converted: Resources) -> Self {
        Self { consumed, converted, destroyed: None }
    }
}

/// The steps of an operation, whose resources are in the refined format.
///
/// `LAUNCH` and `LAUNCH_GROUP` convert nothing; what `CREATE_DISK` and `DESTROY_DISK` yield, only
/// the resource provider knows.
pub fn conversions(operation: &OfferOperation) -> Result<Vec<Conversion>, ConversionError> {
    let kind = operation.r#type.unwrap_or_default();
    let steps = match kind {
        OfferOperationType::Reserve => operation.reserve.as_ref().map(|reserve| {
            if reserve.source.is_empty() {
                let popped = |one: &Resource| Resources::from(one).pop_reservation();
                steps(&reserve.resources, |one| Conversion::new(popped(one), one.into()))
            } else {
                let source = Resources::from(&reserve.source);
                vec![Conversion::new(source, Resources::from(&reserve.resources))]
            }
        }),
        OfferOperationType::Unreserve => operation.unreserve.as_ref().map(|unreserve| {
            let popped = |one: &Resource| Resources::from(one).pop_reservation();
            steps(&unreserve.resources, |one| Conversion::new(one.into(), popped(one)))
        }),
        OfferOperationType::Create => operation.create.as_ref().map(|create| {
            steps(&create.volumes, |one| Conversion::new(stripped(one).into(), one.into()))
        }),
        OfferOperationType::Destroy => operation.destroy.as_ref().map(|destroy| {
            steps(&destroy.volumes, |one| Conversion {
                consumed: one.into(),
                converted: stripped(one).into(),
                destroyed: Some(one.clone()),
            })
        }),
        OfferOperationType::GrowVolume => match &operation.grow_volume {
            Some(grow) => Some(vec![grow_step(&grow.volume, &grow.addition)?]),
            None => None,
        },
        OfferOperationType::ShrinkVolume => match &operation.shrink_volume {
            Some(shrink) => {
                let amount = shrink.subtract.to_fixed();
                Some(vec![shrink_step(&shrink.volume, amount)?])
            }
            None => None,
        },
        _ => return Err(ConversionError::None(kind)),
    };
    steps.ok_or(ConversionError::Body(kind))
}

fn steps(list: &[Resource], step: impl Fn(&Resource) -> Conversion) -> Vec<Conversion> {
    list.iter().map(step).collect()
}

/// The space that a volume is made of.
fn stripped(volume: &Resource) -> Resource {
    let mut space = volume.clone();
    space.shared = None;
    match &mut space.disk {
        Some(disk) if disk.source.is_some() => {
            disk.persistence = None;
            disk.volume = None;
        }
        disk => *disk = None,
    }
    space
}

fn grow_step(volume: &Resource, addition: &Resource) -> Result<Conversion, ConversionError> {
    refuse_provider(volume)?;
    let mut grown = volume.clone();
    let amount = |resource: &Resource| resource.scalar.unwrap_or_default().to_fixed();
    grown.scalar = Some((amount(volume) + amount(addition)).into());
    let consumed = Resources::from(volume) + addition;
    Ok(Conversion::new(consumed, grown.into()))
}

fn shrink_step(
    volume: &Resource,
    amount: crate::value::Fixed,
) -> Result<Conversion, ConversionError> {
    refuse_provider(volume)?;
    let mut left = volume.clone();
    left.scalar = Some((volume.scalar.unwrap_or_default().to_fixed() - amount).into());
    let mut freed = stripped(volume);
    freed.scalar = Some(amount.into());
    Ok(Conversion::new(volume.into(), Resources::from(left) + &freed))
}

fn refuse_provider(volume: &Resource) -> Result<(), ConversionError> {
    match volume.provider_id {
        Some(_) => Err(ConversionError::Provider),
        None => Ok(()),
    }
}

impl Resources {
    /// What is there after one step.
    pub fn apply(&self, step: &Conversion) -> Result<Resources, ConversionError> {
        if !self.contains(&step.consumed) {
            return Err(ConversionError::NotContained {
                resources: self.to_string(),
                consumed: step.consumed.to_string(),
            });
        }
        let result = self - &step.consumed + &step.converted;
        match &step.destroyed {
            Some(volume) if result.contains_resource(volume) => {
                Err(ConversionError::SharedCopies(volume.to_string()))
            }
            _ => Ok(result),
        }
    }

    /// What is there after several steps, each seeing what the earlier ones left.
    pub fn apply_all(&self, steps: &[Conversion]) -> Result<Resources, ConversionError> {
        steps.iter().try_fold(self.clone(), |resources, step| resources.apply(step))
    }

    /// Which parts of it would make up `targets`: reserved like them if possible, else unreserved,
    /// else reserved for anyone. Nothing if there is not enough.
    pub fn find(&self, targets: &Resources) -> Option<Resources> {
        let mut total = self.clone();
        let mut found = Resources::new();
        for target in targets.iter() {
            let part = total.find_one(target)?;
            total -= &part;
            found += part;
        }
        Some(found)
    }

    fn find_one(&self, target: &Resource) -> Option<Resources> {
        let mut total = self.clone();
        let mut found = Resources::new();
        let mut remaining = Resources::from(target).to_unreserved();
        let like_target =
            |one: &Resource| !is_unreserved(target) && is_reserved(one, reservation_role(target));
        let preferences: [&dyn Fn(&Resource) -> bool; 3] =
            [&like_target, &|one| is_unreserved(one), &|_| true];
        for preferred in preferences {
            for candidate in total.filter(preferred).iter() {
                let bare = Resources::from(candidate).to_unreserved();
                if bare.contains(&remaining) {
                    // This one suffices: take what is missing, reserved as it is.
                    found += remaining
                        .changed(|one| one.reservations.clone_from(&candidate.reservations));
                    return Some(found);
                }
                if remaining.contains(&bare) {
                    remaining -= bare;
                    total -= candidate;
                    found += candidate;
                }
            }
        }
        None
    }
}
