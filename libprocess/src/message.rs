//! Messages: what one process sends another, under a name.
//!
//! Within a node a message is moved in its box; it is encoded only to leave the node, or when the
//! receiver expects another type under the same name than the sender used.

use crate::Upid;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;
use thiserror::Error;

/// Anything that can be sent: implemented for every type that serde can write and read.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Message for T {}

/// Why a message could not be turned into bytes or back.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The type's serializer refused.
    #[error("message `{name}` cannot be encoded: {source}")]
    Encode {
        /// The name of the message.
        name: String,
        /// What MessagePack says.
        source: rmp_serde::encode::Error,
    },
    /// The bytes are not what the type expects.
    #[error("message `{name}` of {length} bytes cannot be decoded: {source}")]
    Decode {
        /// The name of the message.
        name: String,
        /// The length of its body.
        length: usize,
        /// What MessagePack says.
        source: rmp_serde::decode::Error,
    },
}

/// Writes `message` behind what `out` holds: MessagePack, structs as maps with field names.
pub(crate) fn encode_into<M: Serialize>(
    name: &str,
    message: &M,
    out: &mut impl std::io::Write,
) -> Result<(), CodecError> {
    rmp_serde::encode::write_named(out, message)
        .map_err(|source| CodecError::Encode { name: name.to_owned(), source })
}

/// Reads a message body.
pub(crate) fn decode<M: DeserializeOwned>(name: &str, body: &[u8]) -> Result<M, CodecError> {
    rmp_serde::from_slice(body).map_err(|source| CodecError::Decode {
        name: name.to_owned(),
        length: body.len(),
        source,
    })
}

/// A message on its way within a node, with its type erased. The one allocation of a local send.
pub(crate) struct Parcel<M> {
    pub from: Upid,
    pub name: &'static str,
    pub body: M,
}

/// What can be asked of a [`Parcel`] without knowing its type.
pub(crate) trait AnyParcel: Any + Send {
    fn from(&self) -> &Upid;
    fn name(&self) -> &'static str;
    fn encode(&self) -> Result<Bytes, CodecError>;
}

impl<M: Message> AnyParcel for Parcel<M> {
    fn from(&self) -> &Upid {
        &self.from
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn encode(&self) -> Result<Bytes, CodecError> {
        let mut body = Vec::new();
        encode_into(self.name, &self.body, &mut body)?;
        Ok(body.into())
    }
}

/// A message that came over a connection: decoded by the process that receives it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub from: Upid,
    pub name: Arc<str>,
    pub body: Bytes,
}

/// A message as a raw handler sees it: its type not yet known.
///
/// See [`Context::install_raw`](crate::Context::install_raw) and
/// [`Context::forward`](crate::Context::forward).
pub struct Envelope(pub(crate) Contents);

pub(crate) enum Contents {
    Local(Box<dyn AnyParcel>),
    Remote(Box<Frame>),
}

impl Envelope {
    /// Who sent it.
    pub fn from(&self) -> &Upid {
        match &self.0 {
            Contents::Local(parcel) => (**parcel).from(),
            Contents::Remote(frame) => &frame.from,
        }
    }

    /// The name under which it was sent.
    pub fn name(&self) -> &str {
        match &self.0 {
            Contents::Local(parcel) => parcel.name(),
            Contents::Remote(frame) => &frame.name,
        }
    }

    /// The message, read as an `M`.
    ///
    /// # Errors
    /// When its bytes do not fit `M`.
    pub fn decode<M: Message>(self) -> Result<M, CodecError> {
        self.0.open().map(|(_, message)| message)
    }

    /// The message as MessagePack, as it would go over a connection.
    ///
    /// # Errors
    /// When the type's serializer refuses.
    pub fn encode(&self) -> Result<Bytes, CodecError> {
        match &self.0 {
            Contents::Local(parcel) => parcel.encode(),
            Contents::Remote(frame) => Ok(frame.body.clone()),
        }
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({} from {:?})", self.name(), self.from())
    }
}

impl Contents {
    /// Sender and message. A local message is moved out of its box when the types agree.
    pub fn open<M: Message>(self) -> Result<(Upid, M), CodecError> {
        match self {
            Self::Local(parcel) => {
                if (*parcel).type_id() == std::any::TypeId::of::<Parcel<M>>() {
                    let any: Box<dyn Any> = parcel;
                    match any.downcast::<Parcel<M>>() {
                        Ok(parcel) => Ok((parcel.from, parcel.body)),
                        Err(_) => unreachable!("the type was just compared"),
                    }
                } else {
                    let body = parcel.encode()?;
                    Ok(((*parcel).from().clone(), decode(parcel.name(), &body)?))
                }
            }
            Self::Remote(frame) => Ok((frame.from, decode(&frame.name, &frame.body)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct New {
        a: u32,
        #[serde(default)]
        b: String,
    }

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Old {
        a: u32,
        gone: bool,
    }

    fn local<M: Message>(body: M) -> Contents {
        Contents::Local(Box::new(Parcel { from: Upid::nobody(), name: "x", body }))
    }

    #[test]
    fn the_same_type_is_moved() {
        let text = String::from("moved, not copied");
        let address = text.as_ptr();
        let (_, got) = local(text).open::<String>().unwrap();
        assert_eq!(got.as_ptr(), address);
    }

    #[test]
    fn another_type_is_read_by_field_names() {
        let (_, new) = local(Old { a: 7, gone: true }).open::<New>().unwrap();
        assert_eq!(new, New { a: 7, b: String::new() });
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error = local("text".to_owned()).open::<New>().unwrap_err();
        assert!(error.to_string().starts_with("message `x` of 5 bytes cannot be decoded"));
    }
}
