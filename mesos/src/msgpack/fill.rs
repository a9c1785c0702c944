//! Reading: values are put into the places of a message, one after another.

use super::MsgpackError;
use super::read::Reader;
use crate::bytes::Bytes;
use crate::reflect::{Open, Reflect, Slot};
use crate::schema::Message;

/// What the head of a list promises need not follow: room is made for so many items before they do.
const TRUSTED: usize = 64;

/// Reads a message that fills the octets.
///
/// # Errors
/// They are no MessagePack, or a value has another type than its field.
pub fn from_slice<T: Message>(octets: &[u8]) -> Result<T, MsgpackError> {
    let mut message = T::default();
    let mut reader = Reader::new(octets);
    fill_message(&mut message, &mut reader)?;
    reader.finish()?;
    Ok(message)
}

/// Reads a message's fields. Unknown ones are ignored, and nil is unset.
fn fill_message(message: &mut dyn Reflect, from: &mut Reader<'_>) -> Result<(), MsgpackError> {
    let schema = message.described();
    let mut expected = 0;
    for _ in 0..from.enter_map()? {
        let key = from.text_octets()?;
        let found = schema.position(key, expected);
        match found.and_then(|index| message.slot(index)) {
            Some(slot) if !from.take_nil() => fill(slot, from)?,
            Some(_) => {}
            None => from.skip()?,
        }
        expected = found.map_or(expected, |index| index + 1);
    }
    from.leave();
    Ok(())
}

fn fill(slot: &mut dyn Slot, from: &mut Reader<'_>) -> Result<(), MsgpackError> {
    match slot.open() {
        Open::Bool(to) => *to = from.boolean()?,
        Open::Int32(to) => *to = integer(from)?,
        Open::Uint32(to) => *to = integer(from)?,
        Open::Int64(to) => *to = integer(from)?,
        Open::Uint64(to) => *to = integer(from)?,
        Open::Double(to) => *to = from.double()?,
        Open::Text(to) => *to = from.text()?.to_owned(),
        Open::Shared(to) => *to = from.text()?.into(),
        Open::Bytes(to) => *to = Bytes::from(from.octets()?),
        Open::Variant(variant) => {
            let name = from.text()?;
            if variant.choose(name) {
                return Ok(());
            }
            return unknown_variant(slot, name, from);
        }
        Open::Message(message) => fill_message(message, from)?,
        Open::List(list) => {
            let items = from.array()?;
            list.expect(items.min(TRUSTED));
            for _ in 0..items {
                fill(list.push(), from)?;
            }
        }
        Open::Map(map) => {
            for _ in 0..from.enter_map()? {
                let key = from.text()?.to_owned();
                fill(map.entry(key), from)?;
            }
            from.leave();
        }
    }
    Ok(())
}

fn integer<T: TryFrom<i128>>(from: &mut Reader<'_>) -> Result<T, MsgpackError> {
    let integer = from.integer()?;
    T::try_from(integer).map_err(|_| from.wrong("an integer out of range"))
}

/// To a reader of an older release, a variant that only newer ones know is an absent value and not
/// a broken message.
#[cold]
fn unknown_variant(slot: &mut dyn Slot, name: &str, from: &Reader<'_>) -> Result<(), MsgpackError> {
    if slot.unset() {
        return Ok(());
    }
    match slot.open() {
        Open::Variant(variant) => match variant.choose("UNKNOWN") {
            true => Ok(()),
            false => Err(from.wrong(format!("{name:?} is no {}", variant.name()))),
        },
        _ => Ok(()),
    }
}
