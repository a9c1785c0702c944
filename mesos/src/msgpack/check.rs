//! What strangers send must have its required fields, as in JSON.

use super::read::{Head, Reader};
use super::{MsgpackError, from_slice};
use crate::json::MAX_VALUES;
use crate::schema::{Field, Kind, Label, Message, Schema};

/// How many missing fields an error lists before it says `...`.
const MAX_LISTED: usize = 64;

/// Reads a message from outside the cluster: its required fields must be there, and it must not
/// have more values than [`MAX_VALUES`].
pub fn from_stranger<T: Message>(octets: &[u8]) -> Result<T, MsgpackError> {
    let reader = Reader::bounded(octets, MAX_VALUES);
    let mut walk = Walk { reader, missing: Vec::new() };
    walk.message(T::schema(), "")?;
    walk.reader.finish()?;
    let mut missing = walk.missing;
    if missing.is_empty() {
        return from_slice(octets);
    }
    if missing.len() > MAX_LISTED {
        missing.truncate(MAX_LISTED);
        missing.push("...".to_owned());
    }
    Err(MsgpackError::Missing(missing.join(", ")))
}

/// One pass over a message's octets that notes which required fields are not there. What has the
/// wrong type is passed over: reading will refuse it.
struct Walk<'a> {
    reader: Reader<'a>,
    missing: Vec<String>,
}

impl Walk<'_> {
    fn message(&mut self, schema: &Schema, path: &str) -> Result<(), MsgpackError> {
        let head = self.reader.head()?;
        self.message_after(head, schema, path)
    }

    fn message_after(
        &mut self,
        head: Head,
        schema: &Schema,
        path: &str,
    ) -> Result<(), MsgpackError> {
        let Head::Map(entries) = head else { return self.reader.skip_after(head) };
        self.reader.enter()?;
        // No schema has more fields than a word has bits; a test sees to it.
        let mut seen = 0_u64;
        let mut expected = 0;
        let listed = self.missing.len();
        for _ in 0..entries {
            let key = self.reader.text_octets()?;
            match schema.position(key, expected) {
                Some(index) => {
                    expected = index + 1;
                    if self.field(&schema.fields[index], path)? {
                        seen |= 1 << index;
                    }
                }
                None => self.reader.skip()?,
            }
        }
        self.reader.leave();
        if self.missing.len() <= MAX_LISTED {
            let own = schema.fields.iter().enumerate().filter(|(index, field)| {
                field.label == Label::Required && seen & (1 << index) == 0
            });
            let own = own.map(|(_, field)| format!("{path}{}", field.name));
            // A message's own fields come before those of the messages within.
            self.missing.splice(listed..listed, own);
        }
        Ok(())
    }

    /// Walks over the value of a field; `false` if it is nil.
    fn field(&mut self, field: &Field, path: &str) -> Result<bool, MsgpackError> {
        let head = self.reader.head()?;
        let Kind::Message(schema) = field.kind else {
            self.reader.skip_after(head)?;
            return Ok(head != Head::Nil);
        };
        let name = field.name;
        match (field.label, head) {
            (_, Head::Nil) => return Ok(false),
            (Label::Repeated, Head::Array(items)) => {
                for index in 0..items {
                    self.message(schema(), &format!("{path}{name}[{index}]."))?;
                }
            }
            (Label::Map, Head::Map(entries)) => {
                for index in 0..entries {
                    self.reader.text_octets()?;
                    self.message(schema(), &format!("{path}{name}[{index}].value."))?;
                }
            }
            (Label::Required | Label::Optional, Head::Map(_)) => {
                self.message_after(head, schema(), &format!("{path}{name}."))?;
            }
            _ => self.reader.skip_after(head)?,
        }
        Ok(true)
    }
}
