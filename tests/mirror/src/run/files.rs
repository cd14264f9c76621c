//! The files that a program has left in its writable folders.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::stat::SFlag;

use crate::run::record::FileRecord;

/// Files up to this size in bytes are copied; of larger ones only the checksum is recorded.
const LARGEST_COPY: u64 = 16 << 20;

/// Lists every file below these folders in the order of their paths and copies them to `keep`.
/// Skips what is mounted there.
pub fn list_files(folders: &[&str], keep: &Path) -> Result<Vec<FileRecord>> {
    let mut records = Vec::new();
    for folder in folders {
        let folder = Path::new(folder);
        if let Ok(metadata) = fs::symlink_metadata(folder) {
            visit(folder, metadata.dev(), keep, &mut records)
                .with_context(|| format!("cannot read the files left in {}", folder.display()))?;
        }
    }
    Ok(records)
}

fn visit(folder: &Path, device: u64, keep: &Path, records: &mut Vec<FileRecord>) -> Result<()> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.dev() != device {
            continue;
        }
        let content = if metadata.is_symlink() {
            fs::read_link(&path)?.to_string_lossy().into_owned()
        } else if metadata.is_file() {
            keep_copy(&path, &metadata, keep)?;
            checksum(&path)?
        } else {
            String::new()
        };
        records.push(FileRecord {
            path: path.to_string_lossy().into_owned(),
            mode: mode(&metadata),
            size: if metadata.is_file() { metadata.len() } else { 0 },
            content,
        });
        if metadata.is_dir() {
            visit(&path, device, keep, records)?;
        }
    }
    Ok(())
}

fn keep_copy(path: &Path, metadata: &Metadata, keep: &Path) -> Result<()> {
    if metadata.len() > LARGEST_COPY {
        return Ok(());
    }
    let to = keep.join(path.strip_prefix("/").unwrap_or(path));
    fs::create_dir_all(to.parent().unwrap_or(keep))?;
    std::io::copy(&mut File::open(path)?, &mut File::create(&to)?)?;
    Ok(())
}

fn checksum(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = DefaultHasher::new();
    let mut buffer = [0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:016x}", hasher.finish())),
            length => hasher.write(&buffer[..length]),
        }
    }
}

/// The type, by the letter that `ls -l` shows, and the permissions.
fn mode(metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let kind = [
        (kind.is_dir(), 'd'),
        (kind.is_symlink(), 'l'),
        (kind.is_socket(), 's'),
        (kind.is_fifo(), 'p'),
        (kind.is_char_device(), 'c'),
        (kind.is_block_device(), 'b'),
    ]
    .into_iter()
    .find_map(|(is, letter)| is.then_some(letter))
    .unwrap_or('-');
    format!("{kind} {:04o}", metadata.mode() & !SFlag::S_IFMT.bits())
}
