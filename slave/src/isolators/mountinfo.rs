//! The kernel's table of mounts, `/proc/self/mountinfo`.

use std::fs;
use std::path::{Path, PathBuf};

use super::IsolatorError;

const PATH: &str = "/proc/self/mountinfo";

/// A line: `36 35 98:0 /root /target rw,noatime shared:7 master:1 - kind source rw,options`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: u32,
    /// The number of the mount that it is on.
    pub parent: u32,
    /// Which part of the file system is shown.
    pub root: String,
    /// Where.
    pub target: PathBuf,
    /// The group of mounts that see each other's changes.
    pub shared: Option<u32>,
    /// The kind of file system.
    pub kind: String,
    /// Options of the file system.
    pub super_options: String,
}

/// Reads the table of this process.
///
/// # Errors
/// There is no `/proc`.
pub fn read() -> Result<Vec<Entry>, IsolatorError> {
    let text = fs::read_to_string(PATH).map_err(|source| IsolatorError::Io {
        what: "read the table of mounts",
        path: PATH.into(),
        source,
    })?;
    Ok(parse(&text))
}

/// Reads lines of the table; what is none is left out.
pub fn parse(text: &str) -> Vec<Entry> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Entry> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let [id, parent, _device, root, target, _options, tags @ ..] = left.as_slice() else {
        return None;
    };
    let mut right = right.split(' ');
    let (kind, _source) = (right.next()?, right.next()?);
    Some(Entry {
        id: id.parse().ok()?,
        parent: parent.parse().ok()?,
        root: unescape(root),
        target: PathBuf::from(unescape(target)),
        shared: tags.iter().find_map(|tag| tag.strip_prefix("shared:")?.parse().ok()),
        kind: kind.to_owned(),
        super_options: right.next().unwrap_or_default().to_owned(),
    })
}

/// The mount that a path, which has no links in it, is on.
pub fn containing<'a>(table: &'a [Entry], path: &Path) -> Option<&'a Entry> {
    // Of several at the same place the last one is seen.
    table
        .iter()
        .filter(|entry| path.starts_with(&entry.target))
        .max_by_key(|entry| entry.target.components().count())
}

/// Reads what the kernel writes for spaces and the like: a backslash and three octal digits.
fn unescape(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match value {
            Some(value) if *first == b'\\' => {
                octets.push(value);
                rest = &tail[3..];
            }
            _ => {
                octets.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let table = parse(
            "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
             garbage\n\n1 2 3 - x\n\
             40 21 8:1 /a /my\\040work rw shared:9 master:1 - ext4 /dev/sda1 rw,x\n",
        );
        assert_eq!(table.len(), 2);
        let work = containing(&table, "/my work/deep/er".as_ref()).unwrap();
        assert_eq!((work.id, work.parent, work.shared), (40, 21, Some(9)));
        assert_eq!((work.root.as_str(), work.super_options.as_str()), ("/a", "rw,x"));
        assert_eq!(containing(&table, "/my".as_ref()).unwrap().id, 21);
        assert!(containing(&read().unwrap(), "/proc".as_ref()).is_some());
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(unescape(r"a\040b\134c"), r"a b\c");
        assert_eq!(unescape(r"\04"), r"\04");
        assert_eq!(unescape("plain"), "plain");
    }
}
