//! Archives of every kind, made here, honest ones and others.

use std::fs;
use std::io::{Cursor, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::limits::MAX_ENTRIES;
use super::*;

fn tar_of(entries: &[(&str, EntryType, &str, u32)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, content, mode) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_mtime(1_000_000_000);
        // The library refuses to write names that are hostile; the bytes do not.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        let data = if is_link { "" } else { *content };
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn honest() -> Vec<u8> {
    tar_of(&[
        ("./", EntryType::Directory, "", 0o755),
        ("app/", EntryType::Directory, "", 0o555),
        ("app/run", EntryType::Regular, "#!/bin/sh\n", 0o4755),
        ("app/deep/er/data", EntryType::Regular, "data", 0o600),
        ("bin", EntryType::Symlink, "app", 0o777),
        ("same", EntryType::Link, "app/deep/er/data", 0o600),
    ])
}

fn packed(packing: Packing, tar: &[u8]) -> Vec<u8> {
    match packing {
        Packing::Plain => tar.to_vec(),
        Packing::Gzip => gzip(tar),
        Packing::Bzip2 => {
            let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            writer.write_all(tar).unwrap();
            writer.finish().unwrap()
        }
        Packing::Xz => xz(tar),
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn xz(data: &[u8]) -> Vec<u8> {
    let mut writer =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

struct Unpacked {
    dir: tempfile::TempDir,
    result: Result<(), UnpackError>,
}

impl Unpacked {
    fn of(archive: &[u8], name: &str) -> Self {
        Self::within(archive, name, &Budget::of(archive.len() as u64))
    }

    fn within(archive: &[u8], name: &str, budget: &Budget) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, archive).unwrap();
        fs::create_dir(dir.path().join("sandbox")).unwrap();
        let place = Place::open(&dir.path().join("sandbox")).unwrap();
        let kind = Kind::of(name).unwrap();
        let file = File::open(path).unwrap();
        let result = unpack_within(file, kind, name, &place, budget);
        Self { dir, result }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("sandbox").join(name)
    }

    fn error(&self) -> String {
        self.result.as_ref().unwrap_err().to_string()
    }

    /// Nothing came to lie beside the sandbox.
    fn stayed_inside(&self) -> bool {
        fs::read_dir(self.dir.path()).unwrap().count() == 2
    }
}

#[test]
fn tar_archives_of_every_packing_are_unpacked() {
    for (ending, kind) in ENDINGS {
        let Kind::Tar(packing) = kind else { continue };
        let unpacked = Unpacked::of(&packed(packing, &honest()), &format!("a{ending}"));
        assert!(unpacked.result.is_ok(), "{ending}: {:?}", unpacked.result);
        let status = fs::metadata(unpacked.path("app/run")).unwrap();
        assert_eq!(status.permissions().mode() & 0o7700, 0o700, "no set-uid bit");
        assert_eq!(status.mtime(), 1_000_000_000);
        assert_eq!(fs::read_to_string(unpacked.path("bin/deep/er/data")).unwrap(), "data");
        assert_eq!(fs::read_to_string(unpacked.path("same")).unwrap(), "data");
    }
}

#[test]
fn zip_archives_are_unpacked() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default;
    writer.add_directory("app/", options()).unwrap();
    writer.start_file("app/run", options().unix_permissions(0o755)).unwrap();
    writer.write_all(b"#!/bin/sh\n").unwrap();
    let stored = options().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("other/data", stored).unwrap();
    writer.write_all(b"data").unwrap();
    writer.add_symlink("bin", "app", options()).unwrap();
    let archive = writer.finish().unwrap().into_inner();
    let unpacked = Unpacked::of(&archive, "a.zip");
    assert!(unpacked.result.is_ok(), "{:?}", unpacked.result);
    assert_eq!(fs::read_to_string(unpacked.path("other/data")).unwrap(), "data");
    let mode = fs::metadata(unpacked.path("bin/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
}

#[test]
fn one_packed_file_is_unpacked_beside_itself() {
    let unpacked = Unpacked::of(&gzip(b"hello"), "notes.txt.gz");
    assert_eq!(fs::read_to_string(unpacked.path("notes.txt")).unwrap(), "hello");
}

#[test]
fn endings_tell_the_kind() {
    assert_eq!(Kind::of("a.tar.gz"), Some(Kind::Tar(Packing::Gzip)));
    assert_eq!(Kind::of("a.gz"), Some(Kind::Gzip));
    for name in ["a", "a.tar.gz?x=1", "a.rar", "tar", "a.TGZ"] {
        assert_eq!(Kind::of(name), None, "{name}");
    }
}

#[test]
fn entries_that_lead_out_are_refused() {
    use EntryType::{Link, Regular, Symlink};
    let beside = "../beside";
    let cases: &[&[(&str, EntryType, &str, u32)]] = &[
        &[("../beside", Regular, "x", 0o644)],
        &[("a/../../beside", Regular, "x", 0o644)],
        &[("/tmp/mesos-fetcher-beside", Regular, "x", 0o644)],
        &[("../beside/", EntryType::Directory, "", 0o755)],
        &[("out", Symlink, "..", 0o777), ("out/beside", Regular, "x", 0o644)],
        &[("out", Symlink, "/tmp", 0o777)],
        &[("here", Symlink, ".", 0o777), ("here/here/out", Symlink, beside, 0o777)],
        &[("d/e/up", Symlink, "../..", 0o777), ("out", Symlink, "d/e/up/../beside", 0o777)],
        &[("mine", Link, "../a.tar", 0o644)],
        &[("mine", Link, "/etc/passwd", 0o644)],
    ];
    for entries in cases {
        let unpacked = Unpacked::of(&tar_of(entries), "a.tar");
        let error = unpacked.error();
        assert!(error.contains("out of '"), "{entries:?}: {error}");
        assert!(unpacked.stayed_inside(), "{entries:?}");
    }
    assert!(!Path::new("/tmp/mesos-fetcher-beside").exists());
}

#[test]
fn entries_of_zip_archives_that_lead_out_are_refused() {
    for (name, target) in
        [("../beside", None), ("/etc/beside", None), ("a/../../beside", None), ("l", Some("/etc"))]
    {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        match target {
            Some(target) => writer.add_symlink(name, target, options).unwrap(),
            None => writer.start_file(name, options).unwrap(),
        }
        let archive = writer.finish().unwrap().into_inner();
        let unpacked = Unpacked::of(&archive, "a.zip");
        assert!(unpacked.error().contains("out of '"), "{name}: {}", unpacked.error());
        assert!(unpacked.stayed_inside(), "{name}");
    }
}

#[test]
fn devices_and_pipes_are_refused() {
    for (kind, what) in [
        (EntryType::Char, "'x' is a device"),
        (EntryType::Block, "'x' is a device"),
        (EntryType::Fifo, "'x' is a pipe"),
    ] {
        let unpacked = Unpacked::of(&tar_of(&[("x", kind, "", 0o644)]), "a.tar");
        assert_eq!(unpacked.error(), what);
        assert!(!unpacked.path("x").exists());
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 300_000];
    let budget = || Budget::new(100_000, MAX_ENTRIES);
    let text = String::from_utf8(zeros.clone()).unwrap();
    let tar = tar_of(&[("bomb", EntryType::Regular, &text, 0o644)]);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bomb", SimpleFileOptions::default()).unwrap();
    zip.write_all(&zeros).unwrap();
    for (archive, name) in [
        (gzip(&zeros), "bomb.gz"),
        (gzip(&tar), "bomb.tgz"),
        (packed(Packing::Bzip2, &tar), "bomb.tbz2"),
        (packed(Packing::Xz, &tar), "bomb.txz"),
        (zip.finish().unwrap().into_inner(), "bomb.zip"),
    ] {
        assert!(archive.len() < 10_000, "{name} is small");
        let unpacked = Unpacked::within(&archive, name, &budget());
        let error = "the archive becomes larger than the 100000 bytes that it may";
        assert_eq!(unpacked.error(), error, "{name}");
        let size = fs::metadata(unpacked.path("bomb")).map_or(0, |status| status.len());
        assert!(size <= 100_000, "{name}: {size}");
    }
    let many: Vec<_> = (0..20).map(|_| ("x", EntryType::Regular, "", 0o644)).collect();
    let unpacked = Unpacked::within(&tar_of(&many), "a.tar", &Budget::new(1 << 20, 10));
    assert_eq!(unpacked.error(), "the archive has too many entries");
}

#[test]
fn holes_count_as_much_as_octets() {
    // A file of one terabyte that has no octets: all of it is a hole.
    let mut header = Header::new_gnu();
    header.set_path("bomb").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"20000000000\0");
    gnu.sparse[0].offset.copy_from_slice(b"20000000000\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, &[][..]).unwrap();
    let archive = builder.into_inner().unwrap();
    let unpacked = Unpacked::within(&archive, "a.tar", &Budget::new(1 << 20, 10));
    assert!(unpacked.error().contains("becomes larger than"), "{}", unpacked.error());
}

#[test]
fn endless_names_are_refused() {
    let mut header = Header::new_gnu();
    header.set_path("././@LongLink").unwrap();
    header.set_entry_type(EntryType::GNULongName);
    let name = vec![b'a'; 2 << 20];
    header.set_size(name.len() as u64);
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, &name[..]).unwrap();
    let unpacked = Unpacked::of(&builder.into_inner().unwrap(), "a.tar");
    assert!(unpacked.error().contains("the description of an entry is too long"));
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = honest();
    for (archive, name) in [
        (packed(Packing::Gzip, &whole), "a.tgz"),
        (packed(Packing::Bzip2, &whole), "a.tbz2"),
        (packed(Packing::Xz, &whole), "a.txz"),
        (whole.clone(), "a.tar"),
    ] {
        let half = if name == "a.tar" { &archive[..1200] } else { &archive[..archive.len() / 2] };
        assert!(Unpacked::of(half, name).result.is_err(), "{name}");
    }
    for name in ["a.zip", "a.tgz", "a.tbz2", "a.txz", "a.gz"] {
        assert!(Unpacked::of(b"this is no archive at all", name).result.is_err(), "{name}");
    }
}
