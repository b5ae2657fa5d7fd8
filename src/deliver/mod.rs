//! Floor 2: where an export goes. A file is there as a whole or not at all; a closed pipe is success; a
//! program's exit code is its answer.

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

/// Large enough that a system call is rare beside the work of formatting.
const BUFFER_BYTES: usize = 64 * 1024;

/// The time between two attempts to write to a pipe that nobody reads.
const PIPE_RETRY: Duration = Duration::from_millis(100);

/// As many links in a row as Linux follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// Why an export did not arrive. A regular file is then as it was before, but for
/// [`DeliverError::Sync`] of its folder: then it is new, and may be old again after a power cut.
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
    /// What was to be written could not be made; nothing is wrong with the output.
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
/// A reader of `path` sees the old file or the new one, never a part: the text goes to a temporary
/// file beside it, `.NAME.PID.N.tmp`, is brought to the disk and renamed; then the folder is brought
/// to the disk. A missing folder is created. A link stays and its target is replaced; permissions of
/// a replaced file stay. What is no regular file (a pipe, `/dev/stdout`) is written to directly.
///
/// `write` must return `Err` when it could not write everything: only then does the old file stay.
///
/// # Errors
/// Those of `write`; a failure of the output becomes a [`DeliverError`], which names the path. The
/// temporary file is removed.
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
    let written = write_all(&file, write).map_err(|error| {
        describe(error, |source| DeliverError::Write { path: target.clone(), source })
    })?;
    if !keep(&written) {
        return Ok(written);
    }
    let sync_failed = |source| DeliverError::Sync { path: target.clone(), source };
    if let Some(permissions) = existing {
        file.set_permissions(permissions).map_err(sync_failed)?;
    }
    file.sync_all().map_err(sync_failed)?;
    drop(file); // Some systems rename no open file.
    temporary.rename(&target)?;
    sync_folder(folder).map_err(|source| DeliverError::Sync { path: folder.to_owned(), source })?;
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
    unless_closed(write_all(io::stdout().lock(), write))
}

fn unless_closed<T, E: WriteError>(written: Result<T, Failure<E>>) -> Result<Option<T>, E> {
    match written {
        Ok(written) => Ok(Some(written)),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        Err(Failure::Output(source))
            if source.kind() == io::ErrorKind::InvalidInput && source.get_ref().is_some() =>
        {
            Err(DeliverError::Content { source }.into())
        }
        Err(Failure::Output(source)) => Err(DeliverError::Stdout { source }.into()),
        Err(Failure::Other(error)) => Err(error),
    }
}

enum Failure<E> {
    Output(io::Error),
    Other(E),
}

fn describe<E: WriteError>(
    failure: Failure<E>,
    output: impl FnOnce(io::Error) -> DeliverError,
) -> E {
    match failure {
        Failure::Output(error) => output(error).into(),
        Failure::Other(error) => error,
    }
}

fn write_all<T, E: WriteError>(
    out: impl io::Write,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<T, Failure<E>> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let written = write(&mut out)
        .map_err(|error| error.into_output_error().map_or_else(Failure::Other, Failure::Output))?;
    out.flush().map_err(Failure::Output)?;
    Ok(written)
}

fn write_through<T, E: WriteError>(
    target: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> Result<T, E>,
) -> Result<T, E> {
    let file = OpenOptions::new()
        .write(true)
        .open(target)
        .map_err(|source| DeliverError::Create { path: target.to_owned(), source })?;
    write_all(file, write).map_err(|error| {
        describe(error, |source| DeliverError::Write { path: target.to_owned(), source })
    })
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
    write_all(PatientPipe { pipe, give_up }, write).map_err(|error| {
        describe(error, |source| match source.kind() {
            io::ErrorKind::WouldBlock => DeliverError::NoReader { path: target.to_owned() },
            _ => DeliverError::Write { path: target.to_owned(), source },
        })
    })
}

/// A pipe that is never waited for inside the system, because such a call cannot be ended.
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

/// The path with links followed, as far as something is there. Unlike [`fs::canonicalize`] it takes
/// a link to a file that does not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, DeliverError> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(is_folder(path));
    }
    let mut target = path.to_owned();
    // The links in /dev and /proc that stand for an open pipe lead to no path.
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
            // Whatever else is wrong with it, the next step says.
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

/// A rename is on the disk once its folder is (`fsync(2)`). Only Unix can do that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A file that is removed unless it was renamed.
struct Temporary {
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    /// A name that no other writer of this process has; so a file that bears it was left behind by
    /// an earlier process of the same number, as in a container, where that is always 1.
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
            // Already on the way out with an error that says more than this one would.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Follows no link that someone else put there. `private` while it stands in for a file whose
/// permissions are not yet known to allow more.
fn create_new(path: &Path, private: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    options.open(path)
}

#[cfg(test)]
mod tests;
