//! The status that a server answers `GET` with, wherever it leads (row HC-01).
//!
//! Plain HTTP is spoken here. For HTTPS there is `curl`, as in Mesos: certificates are not
//! verified, so that a TLS library of our own would only add to the size of every executor.

use bytes::Bytes;
use libprocess::http::client::{Client, ClientConfig, ClientError};
use libprocess::subprocess::{Child, Command, Signal, Stdio, async_reader, kill_tree};
use tokio::io::AsyncReadExt as _;

/// How often a server may lead elsewhere; also the limit of `curl`.
const REDIRECTS: usize = 50;

/// How much of what `curl` prints is read.
const PRINTED_BYTES: u64 = 4096;

/// The status of `url` after all redirections. It takes as long as it takes.
///
/// # Errors
/// Why there is none, in words.
pub async fn status_of(url: &str) -> Result<u16, String> {
    let client = Client::with_config(ClientConfig {
        timeout: None,
        idle_connections: 0,
        ..ClientConfig::default()
    });
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS {
        if url.starts_with("https://") {
            return curl(&url).await;
        }
        let (status, location) = get(&client, &url).await.map_err(|error| chain(&error))?;
        match location {
            Some(location) if (300..400).contains(&status) => url = resolve(&url, &location),
            _ => return Ok(status),
        }
    }
    Err(format!("more than {REDIRECTS} redirections"))
}

/// The status, and where the answer leads. The body is read to its end, and kept nowhere.
async fn get(client: &Client, url: &str) -> Result<(u16, Option<String>), ClientError> {
    let mut answer = client.get(url).stream().await?;
    while let Some(chunk) = answer.body.next().await {
        let _: Bytes = chunk?;
    }
    Ok((answer.status.as_u16(), answer.header("Location").map(str::to_owned)))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Where `location` leads from `base`.
fn resolve(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    if let Some(other) = location.strip_prefix("//") {
        return format!("{scheme}://{other}");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}");
    }
    let folder = match path.rfind('/') {
        Some(last) if !location.starts_with('?') => &path[..=last],
        _ if location.starts_with('?') => path,
        _ => "/",
    };
    format!("{scheme}://{authority}{folder}{location}")
}

async fn curl(url: &str) -> Result<u16, String> {
    let arguments = ["-s", "-S", "-L", "-k", "-w", "%{http_code}", "-o", "/dev/null", "-g", url];
    let command = Command::new("curl").args(arguments).stdout(Stdio::Pipe).stderr(Stdio::Pipe);
    let mut child = command.spawn().map_err(|error| chain(&error))?;
    let streams = (child.take_stdout(), child.take_stderr());
    let running = Running(Some(child));
    let (Some(out), Some(err)) = streams else { return Err("curl has no streams".to_owned()) };
    let (mut printed, mut complained) = (String::new(), String::new());
    let mut out = async_reader(out).map_err(|error| chain(&error))?.take(PRINTED_BYTES);
    let mut err = async_reader(err).map_err(|error| chain(&error))?.take(PRINTED_BYTES);
    let (read, _) =
        tokio::join!(out.read_to_string(&mut printed), err.read_to_string(&mut complained),);
    read.map_err(|error| chain(&error))?;
    let exit = running.exit().await.map_err(|error| chain(&error))?;
    match printed.trim().parse() {
        Ok(status) if exit.success() => Ok(status),
        _ => Err(format!("curl {exit}: {}", complained.trim())),
    }
}

/// A process that is killed when nobody waits for it any more.
struct Running(Option<Child>);

impl Running {
    async fn exit(mut self) -> std::io::Result<std::process::ExitStatus> {
        match self.0.take() {
            Some(child) => child.wait().await,
            None => Err(std::io::Error::other("there is no process")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            // It is reaped when `child` is dropped.
            let _ = kill_tree(child.pid(), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn redirections_lead_where_they_say() {
        for (base, location, expected) in [
            ("http://a:1/x/y?q", "https://b/z", "https://b/z"),
            ("http://a:1/x/y", "//b/z", "http://b/z"),
            ("http://a:1/x/y?q=/p", "/z", "http://a:1/z"),
            ("http://a:1", "/z", "http://a:1/z"),
            ("http://a:1", "z", "http://a:1/z"),
            ("http://a:1?q", "z", "http://a:1/z"),
            ("http://a:1/x/y", "z?p", "http://a:1/x/z?p"),
            ("http://a:1/x/y?q", "?p", "http://a:1/x/y?p"),
        ] {
            assert_eq!(resolve(base, location), expected, "{base} {location}");
        }
    }
}
