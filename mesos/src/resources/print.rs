//! Resources as Mesos prints them: `cpus(allocated: r)(reservations: [(DYNAMIC,r,p)]):1; mem:64`.

use std::fmt;

use super::Resources;
use crate::discovery::Labels;
use crate::resource::{DiskInfo, DiskSource, DiskSourceType, ReservationInfo, Resource};
use crate::volume::{Volume, VolumeMode};

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("{}");
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{}", entry.resource)?;
            if entry.is_shared() {
                write!(f, "<{}>", entry.copies)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resources({self})")
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(allocation) = &self.allocation_info {
            write!(f, "(allocated: {})", allocation.role.as_deref().unwrap_or_default())?;
        }
        if !self.reservations.is_empty() {
            f.write_str("(reservations: [")?;
            for (index, reservation) in self.reservations.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                write!(f, "{comma}{reservation}")?;
            }
            f.write_str("])")?;
        }
        if let Some(disk) = &self.disk {
            write!(f, "[{disk}]")?;
        }
        if self.revocable.is_some() {
            f.write_str("{REV}")?;
        }
        if self.shared.is_some() {
            f.write_str("<SHARED>")?;
        }
        f.write_str(":")?;
        if let Some(scalar) = &self.scalar {
            write!(f, "{scalar}")?;
        } else if let Some(ranges) = &self.ranges {
            write!(f, "{ranges}")?;
        } else if let Some(set) = &self.set {
            write!(f, "{set}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ReservationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.r#type.unwrap_or_default();
        write!(f, "({kind},{}", self.role.as_deref().unwrap_or_default())?;
        if let Some(principal) = &self.principal {
            write!(f, ",{principal}")?;
        }
        if let Some(labels) = &self.labels {
            write!(f, ",{labels}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, label) in self.labels.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", label.key)?;
            if let Some(value) = &label.value {
                write!(f, ": {value}")?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Display for DiskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}")?;
        }
        if let Some(persistence) = &self.persistence {
            let comma = if self.source.is_some() { "," } else { "" };
            write!(f, "{comma}{}", persistence.id)?;
        }
        if let Some(volume) = &self.volume {
            write!(f, ":{}", Mounted(volume))?;
        }
        Ok(())
    }
}

/// A volume in brief: `[host:]container[:ro]`.
struct Mounted<'a>(&'a Volume);

impl fmt::Display for Mounted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host_path) = &self.0.host_path {
            write!(f, "{host_path}:")?;
        }
        f.write_str(&self.0.container_path)?;
        if self.0.mode == VolumeMode::Ro {
            f.write_str(":ro")?;
        }
        Ok(())
    }
}

impl fmt::Display for DiskSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.r#type.as_str())?;
        if self.id.is_some() || self.profile.is_some() {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            write!(f, "({},{},{})", text(&self.vendor), text(&self.id), text(&self.profile))?;
        }
        let root = match self.r#type {
            DiskSourceType::Path => self.path.as_ref().and_then(|path| path.root.as_ref()),
            DiskSourceType::Mount => self.mount.as_ref().and_then(|mount| mount.root.as_ref()),
            _ => None,
        };
        match root {
            Some(root) => write!(f, ":{root}"),
            None => Ok(()),
        }
    }
}
