//! `LIST_FILES` and `READ_FILE`: sandboxes by way of the operator API.

use std::os::unix::fs::FileExt as _;

use libprocess::http::{Response, StatusCode};
use mesos::bytes::Bytes;
use mesos::driver::FileInfo;
use mesos::v1::agent::{
    self, Call, CallType, ListFilesResponse, ReadFile, ReadFileResponse, ResponseType,
};

use super::answer_with;
use crate::http::files::{self, READ_LIMIT};
use crate::http::media::MediaType;
use crate::http::sandboxes::{self, FileError, Opened};
use crate::shared::Shared;

pub(super) fn answer(shared: &Shared, kind: CallType, call: &Call, media: MediaType) -> Response {
    let answer = match kind {
        CallType::ListFiles => {
            list(shared, call.list_files.as_ref().map_or("", |body| body.path.as_str()))
        }
        _ => read(shared, &call.read_file.clone().unwrap_or_default()),
    };
    answer.map_or_else(|refusal| *refusal, |answer| answer_with(media, &answer))
}

type Answer = Result<agent::Response, Box<Response>>;

fn refuse(error: FileError) -> Box<Response> {
    Box::new(match error {
        FileError::NotFound => Response::text(StatusCode::NOT_FOUND, ""),
        FileError::Denied => Response::forbidden(""),
        FileError::Io { .. } => Response::internal_server_error(error.to_string()),
    })
}

fn open(shared: &Shared, path: &str) -> Result<Opened, Box<Response>> {
    let path = path.trim_end_matches('/');
    sandboxes::open(&shared.snapshot(), &shared.paths, path).map_err(refuse)
}

fn failed(path: &str, error: &std::io::Error) -> Box<Response> {
    Box::new(Response::internal_server_error(format!("cannot read '{path}': {error}")))
}

fn list(shared: &Shared, path: &str) -> Answer {
    let opened = open(shared, path)?;
    if !opened.file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        let text = "Cannot browse a file that is not a directory.\n";
        return Err(Box::new(Response::bad_request(text)));
    }
    let file_infos: Vec<FileInfo> = files::list(path.trim_end_matches('/'), &opened)
        .map_err(|error| failed(path, &error))?
        .into_iter()
        .map(FileInfo::from)
        .collect();
    Ok(agent::Response {
        r#type: Some(ResponseType::ListFiles),
        list_files: Some(ListFilesResponse { file_infos }),
        ..agent::Response::default()
    })
}

fn read(shared: &Shared, wanted: &ReadFile) -> Answer {
    let path = &wanted.path;
    let opened = open(shared, path)?;
    let metadata = opened.file.metadata().map_err(|error| failed(path, &error))?;
    if metadata.is_dir() {
        return Err(Box::new(Response::bad_request("Cannot read a directory.\n")));
    }
    let size = metadata.len();
    let rest = size.saturating_sub(wanted.offset);
    let length = wanted.length.unwrap_or(u64::MAX).min(rest).min(READ_LIMIT);
    let mut octets = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while filled < octets.len() {
        let at = wanted.offset + filled as u64;
        match opened.file.read_at(&mut octets[filled..], at) {
            // The file has shrunk meanwhile.
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => return Err(failed(path, &error)),
        }
    }
    octets.truncate(filled);
    Ok(agent::Response {
        r#type: Some(ResponseType::ReadFile),
        read_file: Some(ReadFileResponse { size, data: Bytes::from(octets) }),
        ..agent::Response::default()
    })
}
