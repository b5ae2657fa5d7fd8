//! Delivery of exports to files, to standard output and to programs. A file is replaced completely or not at all. It
//! is no error if the reader of standard output closes the pipe.

pub mod command;
pub mod leftovers;
pub mod signature;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc::{ENXIO, O_NONBLOCK};

/// The size of the write buffer. With it, system calls take little time compared to formatting.
const BUFFER_BYTES: usize = 64 * 1024;

/// The time between two attempts to write to a pipe that nobody reads.
const PIPE_RETRY: Duration = Duration::from_millis(100);

/// The most symbolic links that are followed in a row, as in Linux (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// The reason why an export could not be delivered. A regular file is unchanged then, except after a
/// [`DeliverError::Sync`] of its folder: the file is new, but the old one may be back after a power failure.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error("{path} is a folder; give the name of a file in it")]
    IsFolder { path: PathBuf },
    #[error("could not find where {path} leads")]
    Resolve { path: PathBuf, source: io::Error },
    #[error("could not create the folder {path}")]
    Folder { path: PathBuf, source: io::Error },
    #[error("could not create {path}")]
    Create { path: PathBuf, source: io::Error },
    /// The writer or the disk failed.
    #[error("could not write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("could not bring {path} to the disk")]
    Sync { path: PathBuf, source: io::Error },
    #[error("could not rename {from} to {path}")]
    Rename { from: PathBuf, path: PathBuf, source: io::Error },
    #[error("could not write to standard output")]
    Stdout { source: io::Error },
    /// The content could not be produced. The output did not fail.
    #[error(transparent)]
    Content { source: io::Error },
    #[error("nobody reads the pipe {path}")]
    NoReader { path: PathBuf },
}

/// The error of a function that writes an export.
pub trait WriteError: From<DeliverError> {
    /// Separates failures of the output from all other failures.
    ///
    /// # Errors
    /// The error itself, when it was not the output that failed.
    fn into_output_error(self) -> Result<io::Error, Self>;
}

/// For functions whose only errors are those of the output.
impl WriteError for DeliverError {
    fn into_output_error(self) -> Result<io::Error, Self> {
        match self {
            Self::Content { source } => Ok(source),
            other => Err(other),
        }
    }
}

impl From<io::Error> for DeliverError {
    fn from(source: io::Error) -> Self {
        Self::Content { source }
    }
}

/// Writes a file and returns what `write` returns.
///
/// A reader of `path` sees the old file or the new one, never an incomplete one. The text is written to a temporary
/// file in the same folder, `.NAME.PID.N.tmp`, which is synchronised to the disk and renamed; then the folder is
/// synchronised. A missing folder is created. The target of a symbolic link is replaced, and the link stays. The new
/// file has the permissions of the old one. A pipe or a device, such as `/dev/stdout`, is written to directly.
///
/// `write` must return `Err` if it could not write everything; otherwise the incomplete file replaces the old one.
///
/// # Errors
/// The error of `write`. A failure of the output becomes a [`DeliverError`], which names the path. The temporary
/// file is removed.
pub fn to_file<T, E: WriteError>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<T, E> {
    to_file_if(path, write, |_| true)
}

/// Writes as [`to_file`] does. As long as a named pipe has no reader, or its reader does not read, this waits
/// until `give_up` is true.
///
/// # Errors
/// As [`to_file`], and [`DeliverError::NoReader`].
pub fn to_file_until<T, E: WriteError>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
    give_up: &dyn Fn() -> bool,
) -> Result<T, E> {
    replace(path, write, |_| true, give_up)
}

/// Writes as [`to_file`] does, but creates or replaces the file only if `keep` accepts the result of
/// `write`.
///
/// # Errors
/// As [`to_file`].
pub fn to_file_if<T, E: WriteError>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
    keep: impl FnOnce(&T) -> bool,
) -> Result<T, E> {
    replace(path, write, keep, &|| false)
}

fn replace<T, E: WriteError>(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
    keep: impl FnOnce(&T) -> bool,
    give_up: &dyn Fn() -> bool,
) -> Result<T, E> {
    let target = resolve(path)?;
    let existing = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(is_folder(path).into()),
        Ok(metadata) if metadata.file_type().is_fifo() => {
            return write_to_pipe(&target, write, give_up);
        }
        Ok(metadata) if !metadata.is_file() => return write_through(&target, write),
        Ok(metadata) => Some(metadata.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(DeliverError::Resolve { path: path.to_owned(), source }.into()),
    };
    let folder = folder_of(&target);
    fs::create_dir_all(folder)
        .map_err(|source| DeliverError::Folder { path: folder.to_owned(), source })?;
    let (mut temporary, file) = Temporary::create(&target, existing.is_some())?;
    let write_failed = |source| DeliverError::Write { path: target.clone(), source };
    let written = write_all(&file, write, write_failed)?;
    if !keep(&written) {
        return Ok(written);
    }
    let sync_failed = |source| DeliverError::Sync { path: target.clone(), source };
    if let Some(permissions) = existing {
        file.set_permissions(permissions).map_err(sync_failed)?;
    }
    file.sync_all().map_err(sync_failed)?;
    temporary.rename(&target)?;
    // The rename is permanent once the folder is on the disk (`fsync(2)`).
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| DeliverError::Sync { path: folder.to_owned(), source })?;
    Ok(written)
}

/// Writes as [`to_stdout`] does. If standard output is a file, its content is synchronised to the disk
/// before this returns.
///
/// # Errors
/// As [`to_stdout`].
pub fn to_stdout_synced<T, E: WriteError>(
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let written = to_stdout(write)?;
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
    if let Some(file) = stdout.ok().filter(is_file) {
        file.sync_all().map_err(|source| DeliverError::Stdout { source })?;
    }
    Ok(written)
}

/// Writes to standard output. Returns `None` when the reader closed the pipe before the end, as `head`
/// does. That is no error, but it is no complete delivery either.
///
/// # Errors
/// Those of `write`; a failure of the output becomes [`DeliverError::Content`] when it is an
/// [`io::ErrorKind::InvalidInput`] with an error inside, else [`DeliverError::Stdout`].
pub fn to_stdout<T, E: WriteError>(
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<Option<T>, E> {
    write_unless_closed(io::stdout().lock(), write)
}

fn write_unless_closed<T, E: WriteError>(
    out: impl io::Write,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<Option<T>, E> {
    let mut closed = false;
    let written = write_all(out, write, |source| {
        closed = source.kind() == io::ErrorKind::BrokenPipe;
        match source.kind() {
            io::ErrorKind::InvalidInput if source.get_ref().is_some() => {
                DeliverError::Content { source }
            }
            _ => DeliverError::Stdout { source },
        }
    });
    if closed { Ok(None) } else { written.map(Some) }
}

/// Writes through a buffer. `output_error` describes an error of `out`.
fn write_all<T, E: WriteError>(
    out: impl io::Write,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
    output_error: impl FnOnce(io::Error) -> DeliverError,
) -> Result<T, E> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let written = match write(&mut out).map_err(E::into_output_error) {
        Ok(written) => out.flush().map(|()| written),
        Err(Ok(error)) => Err(error),
        Err(Err(other)) => return Err(other),
    };
    written.map_err(|error| output_error(error).into())
}

fn write_through<T, E: WriteError>(
    target: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<T, E> {
    let file = OpenOptions::new()
        .write(true)
        .open(target)
        .map_err(|source| DeliverError::Create { path: target.to_owned(), source })?;
    write_all(file, write, |source| DeliverError::Write { path: target.to_owned(), source })
}

fn write_to_pipe<T, E: WriteError>(
    target: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
    give_up: &dyn Fn() -> bool,
) -> Result<T, E> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(O_NONBLOCK);
    let pipe = loop {
        match options.open(target) {
            Ok(pipe) => break pipe,
            // There is no reader (`fifo(7)`).
            Err(error) if error.raw_os_error() == Some(ENXIO) => {
                if give_up() {
                    return Err(DeliverError::NoReader { path: target.to_owned() }.into());
                }
                thread::sleep(PIPE_RETRY);
            }
            Err(source) => {
                return Err(DeliverError::Create { path: target.to_owned(), source }.into());
            }
        }
    };
    write_all(PatientPipe { pipe, give_up }, write, |source| match source.kind() {
        io::ErrorKind::WouldBlock => DeliverError::NoReader { path: target.to_owned() },
        _ => DeliverError::Write { path: target.to_owned(), source },
    })
}

/// A pipe whose writes do not block, because a blocked system call cannot be ended.
struct PatientPipe<'a> {
    pipe: File,
    give_up: &'a dyn Fn() -> bool,
}

impl io::Write for PatientPipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !(self.give_up)() => {
                    thread::sleep(PIPE_RETRY);
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Follows symbolic links. Unlike [`fs::canonicalize`], it accepts a link to a file that does not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, DeliverError> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(is_folder(path));
    }
    let mut target = path.to_owned();
    // Links to open pipes in /dev and /proc do not contain a path.
    if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(target);
    }
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&target)
                    .map_err(|source| DeliverError::Resolve { path: path.to_owned(), source })?;
                target = folder_of(&target).join(link);
            }
            // Other errors are reported by the next step.
            _ => return Ok(target),
        }
    }
    let source = io::Error::other(format!("more than {MAX_LINKS} symbolic links in a row"));
    Err(DeliverError::Resolve { path: path.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn is_folder(path: &Path) -> DeliverError {
    DeliverError::IsFolder { path: path.to_owned() }
}

/// A file that is removed unless it was renamed.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// Creates a file whose name no other writer of this process uses. If the file exists, an earlier process with
    /// the same process id has left it; in a container the id is always 1.
    fn create(target: &Path, private: bool) -> Result<(Self, File), DeliverError> {
        static WRITERS: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or_else(|| is_folder(target))?;
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.{number}.tmp", std::process::id()));
        let path = folder_of(target).join(hidden);
        let created = match create_new(&path, private) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&path).and_then(|()| create_new(&path, private))
            }
            created => created,
        };
        match created {
            Ok(file) => {
                file.try_lock().ok(); // For `leftovers`; without locks it goes by the process.
                Ok((Self { path, kept: false }, file))
            }
            Err(source) => Err(DeliverError::Create { path, source }),
        }
    }

    fn rename(&mut self, target: &Path) -> Result<(), DeliverError> {
        fs::rename(&self.path, target).map_err(|source| DeliverError::Rename {
            from: self.path.clone(),
            path: target.to_owned(),
            source,
        })?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // The error that led here is more useful than an error of this call.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Creates a file and does not follow a link at its path. With `private`, only the owner can read it: the file gets
/// the permissions of the file that it replaces later.
fn create_new(path: &Path, private: bool) -> io::Result<File> {
    let mode = if private { 0o600 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(test)]
mod tests;
