//! Types that a flag can have: how each is read, printed and completed.

use super::spec::Kind;
use crate::units::{Bytes, format_duration, parse_duration};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A type that a flag can have. Implement it for types of your own.
pub trait FlagValue: Sized {
    /// How it is completed and shown.
    const KIND: Kind;
    /// Whether the flag may be left out without a default.
    const OPTIONAL: bool = false;

    /// Reads a value.
    ///
    /// # Errors
    /// Says what is wrong with it, in words for the user.
    fn read(text: &str) -> Result<Self, String>;

    /// The value of a flag that was left out and has no default; only asked for when
    /// [`FlagValue::OPTIONAL`].
    fn absent() -> Option<Self> {
        None
    }

    /// The value as `/flags` shows it; `None` when there is none.
    fn print(&self) -> Option<String>;
}

impl<T: FlagValue> FlagValue for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        T::read(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn print(&self) -> Option<String> {
        self.as_ref().and_then(T::print)
    }
}

impl FlagValue for bool {
    const KIND: Kind = Kind::Boolean;

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err("Expecting a boolean (e.g., true or false)".to_owned()),
        }
    }

    fn print(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! displayed {
    ($($type:ty, $kind:expr, |$text:ident| $why:expr;)*) => {$(
        impl FlagValue for $type {
            const KIND: Kind = $kind;

            fn read($text: &str) -> Result<Self, String> {
                $text.parse().map_err(|_| $why)
            }

            fn print(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

displayed! {
    u16, Kind::Number, |text| not_a_number(text);
    u32, Kind::Number, |text| not_a_number(text);
    u64, Kind::Number, |text| not_a_number(text);
    usize, Kind::Number, |text| not_a_number(text);
    i64, Kind::Number, |text| not_a_number(text);
    f64, Kind::Number, |text| not_a_number(text);
    IpAddr, Kind::Text, |text| format!("Failed to parse the IP address '{text}'");
    SocketAddr, Kind::Text, |text| format!("Failed to parse '{text}' as an address 'ip:port'");
}

fn not_a_number(text: &str) -> String {
    format!("Failed to convert '{text}' to number")
}

impl FlagValue for String {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn print(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl FlagValue for PathBuf {
    const KIND: Kind = Kind::Path;

    /// A path may be written as `file:///path`; both name the same file.
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::from(text.strip_prefix("file://").unwrap_or(text)))
    }

    fn print(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl FlagValue for Duration {
    const KIND: Kind = Kind::Duration;

    fn read(text: &str) -> Result<Self, String> {
        parse_duration(text).map_err(|error| error.to_string())
    }

    fn print(&self) -> Option<String> {
        Some(format_duration(*self))
    }
}

impl FlagValue for Bytes {
    const KIND: Kind = Kind::Bytes;

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: crate::units::UnitError| error.to_string())
    }

    fn print(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl FlagValue for serde_json::Value {
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("Failed to parse JSON: {error}"))
    }

    fn print(&self) -> Option<String> {
        Some(self.to_string())
    }
}
