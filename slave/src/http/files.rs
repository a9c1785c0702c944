//! `/files`: sandboxes over HTTP, for the web UI and for `mesos run`.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use libprocess::http::{Body, FileBody, Help, Reply, Request, Response, StatusCode};
use libprocess::{Context, Process};
use mesos::driver::FileInfo;
use mesos::time::TimeInfo;
use nix::unistd::{Gid, Group, Uid, User};
use serde::{Serialize, Serializer};

use super::off_thread;
use super::sandboxes::{self, FileError, Opened};
use crate::shared::Shared;

/// The most that one answer of `/files/read` holds: sixteen pages.
pub(crate) const READ_LIMIT: u64 = 16 * 4096;

/// The process `files`.
pub(crate) struct FilesProcess {
    shared: Arc<Shared>,
}

impl FilesProcess {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn install(
        &self,
        context: &mut Context<Self>,
        path: &str,
        tldr: &str,
        respond: fn(&Shared, &Request) -> Response,
    ) {
        for path in [path.to_owned(), format!("{path}.json")] {
            let shared = self.shared.clone();
            let help = Help::new(tldr).authentication(true);
            context.route(&path, help, move |_, context, request: Request, reply: Reply| {
                let shared = shared.clone();
                off_thread(context, request, reply, move |request| respond(&shared, request));
            });
        }
    }
}

impl Process for FilesProcess {
    fn initialize(&mut self, context: &mut Context<Self>) {
        self.install(context, "/browse", "What is in a directory of a sandbox.", browse);
        self.install(context, "/read", "A part of a file of a sandbox, as JSON.", read);
        self.install(context, "/download", "A file of a sandbox.", download);
        self.install(context, "/debug", "The sandboxes that can be read, by name.", debug);
    }
}

/// Opens what the request names, or says why not.
fn open(shared: &Shared, request: &Request) -> Result<(String, Opened), Response> {
    let path = request.query("path").unwrap_or_default();
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err(Response::bad_request("Expecting 'path=value' in query.\n"));
    }
    match sandboxes::open(&shared.snapshot(), &shared.paths, path) {
        Ok(opened) => Ok((path.to_owned(), opened)),
        Err(FileError::NotFound) => Err(Response::text(StatusCode::NOT_FOUND, "")),
        Err(FileError::Denied) => Err(Response::forbidden("")),
        Err(error @ FileError::Io { .. }) => {
            Err(Response::internal_server_error(error.to_string()))
        }
    }
}

fn or_response(result: Result<Response, Response>) -> Response {
    result.unwrap_or_else(|response| response)
}

fn failed(path: &str, error: &io::Error) -> Response {
    Response::internal_server_error(format!("cannot read '{path}': {error}"))
}

fn browse(shared: &Shared, request: &Request) -> Response {
    or_response(open(shared, request).and_then(|(path, opened)| {
        let is_directory = opened.file.metadata().is_ok_and(|metadata| metadata.is_dir());
        if !is_directory {
            return Err(Response::bad_request("Cannot browse a file that is not a directory.\n"));
        }
        let entries = list(&path, &opened).map_err(|error| failed(&path, &error))?;
        Ok(Response::ok_json(mesos::json::to_vec(&entries)))
    }))
}

/// What is in a directory. It is listed by way of the open file: another may have taken its name
/// since it was checked.
pub(crate) fn list(path: &str, directory: &Opened) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory.by_descriptor())? {
        let entry = entry?;
        // A file may be removed while the others are looked at. A link is shown as itself.
        if let Ok(metadata) = entry.metadata() {
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry::new(format!("{path}/{name}"), &metadata));
        }
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// A file in a directory.
#[derive(Serialize)]
pub(crate) struct Entry {
    gid: String,
    #[serde(serialize_with = "mode_as_text")]
    mode: u32,
    #[serde(serialize_with = "as_double")]
    mtime: i64,
    nlink: u64,
    path: String,
    size: u64,
    uid: String,
}

fn mode_as_text<S: Serializer>(mode: &u32, to: S) -> Result<S::Ok, S::Error> {
    mode_text(*mode).serialize(to)
}

fn as_double<S: Serializer>(seconds: &i64, to: S) -> Result<S::Ok, S::Error> {
    (*seconds as f64).serialize(to)
}

impl From<Entry> for FileInfo {
    fn from(entry: Entry) -> Self {
        Self {
            path: entry.path,
            nlink: i32::try_from(entry.nlink).ok(),
            size: Some(entry.size),
            mtime: Some(TimeInfo { nanoseconds: entry.mtime.saturating_mul(1_000_000_000) }),
            mode: Some(entry.mode),
            uid: Some(entry.uid),
            gid: Some(entry.gid),
        }
    }
}

impl Entry {
    fn new(path: String, metadata: &fs::Metadata) -> Self {
        let user = User::from_uid(Uid::from_raw(metadata.uid())).ok().flatten();
        let group = Group::from_gid(Gid::from_raw(metadata.gid())).ok().flatten();
        Self {
            gid: group.map_or_else(|| metadata.gid().to_string(), |group| group.name),
            mode: metadata.mode(),
            mtime: metadata.mtime(),
            nlink: metadata.nlink(),
            path,
            size: metadata.size(),
            uid: user.map_or_else(|| metadata.uid().to_string(), |user| user.name),
        }
    }
}

/// A mode as `ls` prints it: `drwxr-xr-x`.
fn mode_text(mode: u32) -> String {
    let kind = match mode & nix::libc::S_IFMT {
        nix::libc::S_IFDIR => 'd',
        nix::libc::S_IFLNK => 'l',
        nix::libc::S_IFIFO => 'p',
        nix::libc::S_IFSOCK => 's',
        nix::libc::S_IFBLK => 'b',
        nix::libc::S_IFCHR => 'c',
        _ => '-',
    };
    let bits = (0..9).rev().map(|bit| match (mode >> bit & 1, bit % 3) {
        (0, _) => '-',
        (_, 2) => 'r',
        (_, 1) => 'w',
        _ => 'x',
    });
    std::iter::once(kind).chain(bits).collect()
}

#[derive(Serialize)]
struct Text {
    data: String,
    offset: u64,
}

fn read(shared: &Shared, request: &Request) -> Response {
    or_response(read_part(shared, request))
}

fn read_part(shared: &Shared, request: &Request) -> Result<Response, Response> {
    let number = |name: &str| match request.query(name).filter(|text| !text.is_empty()) {
        None => Ok(-1),
        Some(text) => text.parse::<i64>().map_err(|_| {
            Response::bad_request(format!("Failed to parse {name}: '{text}' is not a number.\n"))
        }),
    };
    let (offset, length) = (number("offset")?, number("length")?);
    if offset < -1 || length < -1 {
        let text = "Negative offset or length provided.\n";
        return Err(Response::bad_request(text));
    }
    let (path, mut opened) = open(shared, request)?;
    let metadata = opened.file.metadata().map_err(|error| failed(&path, &error))?;
    if metadata.is_dir() {
        return Err(Response::bad_request("Cannot read a directory.\n"));
    }
    let size = metadata.len();
    let Some(offset) = u64::try_from(offset).ok().filter(|offset| *offset < size) else {
        let empty = Text { data: String::new(), offset: size };
        return Ok(Response::ok_json(mesos::json::to_vec(&empty)));
    };
    let length = u64::try_from(length).unwrap_or(u64::MAX).min(size - offset).min(READ_LIMIT);
    let octets = read_octets(&mut opened, offset, length).map_err(|error| failed(&path, &error))?;
    let part = Text { data: whole_characters(&octets, size - offset), offset };
    Ok(Response::ok_json(mesos::json::to_vec(&part)))
}

fn read_octets(opened: &mut Opened, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    opened.file.seek(SeekFrom::Start(offset))?;
    (&opened.file).take(length).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Octets as text. A character that the end of the part cuts in two is left for the next part, so
/// that whoever counts what it got asks for the right one; other octets that are no text are
/// replaced.
fn whole_characters(octets: &[u8], available: u64) -> String {
    let cut = match std::str::from_utf8(octets) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            let more = available > octets.len() as u64;
            if more { &octets[..error.valid_up_to()] } else { octets }
        }
        _ => octets,
    };
    String::from_utf8_lossy(cut).into_owned()
}

fn download(shared: &Shared, request: &Request) -> Response {
    or_response(open(shared, request).and_then(|(path, opened)| {
        let metadata = opened.file.metadata().map_err(|error| failed(&path, &error))?;
        if !metadata.is_file() {
            return Err(Response::bad_request("Cannot download a directory.\n"));
        }
        let name = opened.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut response = Response::ok().with_body("application/octet-stream", Vec::new());
        let disposition = format!("attachment; filename={name}");
        if let Ok(value) = disposition.parse() {
            response.headers.insert("Content-Disposition", value);
        }
        let (offset, length) = match requested_part(request.header("Range"), metadata.len()) {
            Part::Whole => (0, metadata.len()),
            Part::Of { offset, length } => {
                response.status = StatusCode::PARTIAL_CONTENT;
                let last = offset + length - 1;
                let range = format!("bytes {offset}-{last}/{}", metadata.len());
                if let Ok(value) = range.parse() {
                    response.headers.insert("Content-Range", value);
                }
                (offset, length)
            }
            Part::None => return Err(Response::text(StatusCode::RANGE_NOT_SATISFIABLE, "")),
        };
        response.body = Body::File(FileBody::open(opened.file, offset, length));
        Ok(response)
    }))
}

/// What a `Range` header asks for of a file.
#[derive(Debug, PartialEq)]
enum Part {
    /// Everything, also where the header is not understood: HTTP lets a server ignore it.
    Whole,
    /// A part that is there.
    Of { offset: u64, length: u64 },
    /// What lies behind the end.
    None,
}

/// Reads `bytes=first-last` and `bytes=first-`, by which `mesos run` follows a growing file.
fn requested_part(header: Option<&str>, size: u64) -> Part {
    let Some(range) = header.and_then(|header| header.strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = range.split_once('-') else { return Part::Whole };
    let last = if last.is_empty() { Ok(u64::MAX) } else { last.parse() };
    match (first.parse::<u64>(), last) {
        (Ok(first), Ok(last)) if first <= last => match size.checked_sub(first) {
            None | Some(0) => Part::None,
            Some(rest) => {
                Part::Of { offset: first, length: rest.min((last - first).saturating_add(1)) }
            }
        },
        _ => Part::Whole,
    }
}

fn debug(shared: &Shared, _request: &Request) -> Response {
    Response::ok_json(mesos::json::to_vec(&sandboxes::attached(&shared.snapshot())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_print_as_ls_prints_them() {
        assert_eq!(mode_text(0o100_644), "-rw-r--r--");
        assert_eq!(mode_text(0o040_755), "drwxr-xr-x");
        assert_eq!(mode_text(0o120_777), "lrwxrwxrwx");
    }

    #[test]
    fn what_was_opened_is_what_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let (shown, other) = (dir.path().join("shown"), dir.path().join("other"));
        for directory in [&shown, &other] {
            fs::create_dir(directory).unwrap();
        }
        fs::write(shown.join("ours"), "").unwrap();
        fs::write(other.join("theirs"), "").unwrap();
        let opened = Opened { file: fs::File::open(&shown).unwrap(), path: shown.clone() };
        // Another directory takes the name between the check and the reading.
        fs::rename(&shown, dir.path().join("moved")).unwrap();
        fs::rename(&other, &shown).unwrap();
        let paths: Vec<String> =
            list("/s", &opened).unwrap().into_iter().map(|entry| entry.path).collect();
        assert_eq!(paths, ["/s/ours"]);
    }

    #[test]
    fn parts_of_files_are_found() {
        let part = |offset, length| Part::Of { offset, length };
        assert_eq!(requested_part(None, 10), Part::Whole);
        assert_eq!(requested_part(Some("bytes=0-3"), 10), part(0, 4));
        assert_eq!(requested_part(Some("bytes=8-"), 10), part(8, 2));
        assert_eq!(requested_part(Some("bytes=8-18446744073709551615"), 10), part(8, 2));
        assert_eq!(requested_part(Some("bytes=10-12"), 10), Part::None);
        assert_eq!(requested_part(Some("bytes=0-0"), 0), Part::None);
        for odd in ["bytes=-3", "bytes=5-2", "bytes=1-2,4-5", "lines=1-2", "bytes="] {
            assert_eq!(requested_part(Some(odd), 10), Part::Whole, "{odd}");
        }
    }

    #[test]
    fn a_character_that_is_cut_waits_for_the_next_part() {
        let text = "aé".as_bytes();
        assert_eq!(whole_characters(&text[..2], 3), "a");
        assert_eq!(whole_characters(text, 3), "aé");
        assert_eq!(whole_characters(&[b'a', 0xff, b'b'], 3), "a\u{fffd}b");
        assert_eq!(whole_characters(&[b'a', 0xc3], 2), "a\u{fffd}");
    }
}
