//! Real files in a temporary folder; permissions and links on Unix only.

use std::io::ErrorKind;

use super::*;

fn text(text: &str) -> impl FnOnce(&mut dyn io::Write) -> Result<u64, DeliverError> {
    move |out| Ok(out.write_all(text.as_bytes()).map(|()| 1)?)
}

/// Enough to leave the buffer, then the failure.
fn broken(out: &mut dyn io::Write) -> Result<u64, DeliverError> {
    out.write_all(&vec![b'x'; 2 * BUFFER_BYTES])?;
    Err(io::Error::other("the disk is gone").into())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_and_its_folders_are_created_and_then_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("public/news/latest.json");
    for content in ["old", "new, and longer", "short"] {
        assert_eq!(to_file(&path, text(content)).unwrap(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(names(path.parent().unwrap()), ["latest.json"]);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    to_file(&path, text("old")).unwrap();
    let error = to_file(&path, broken).unwrap_err();
    assert_eq!(error.to_string(), format!("could not write {}", path.display()));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the disk is gone");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["latest.json"]);
}

/// The error of an export whose articles come from somewhere that can fail.
#[derive(Debug, thiserror::Error)]
enum ArticleError {
    #[error("the articles could not be read")]
    Articles,
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl WriteError for ArticleError {
    fn into_output_error(self) -> Result<io::Error, Self> {
        Err(self)
    }
}

#[test]
fn an_error_that_is_not_the_outputs_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    to_file(&path, text("old")).unwrap();
    let error = to_file(&path, |out| -> Result<u64, ArticleError> {
        out.write_all(b"new").map_err(DeliverError::from)?;
        Err(ArticleError::Articles)
    });
    assert!(matches!(error, Err(ArticleError::Articles)), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["latest.json"]);
}

#[test]
fn a_result_that_is_not_kept_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    for (count, content) in [(1, "new"), (0, "nothing")] {
        let write = |out: &mut dyn io::Write| -> Result<u64, DeliverError> {
            out.write_all(content.as_bytes())?;
            Ok(count)
        };
        assert_eq!(to_file_if(&path, write, |count| *count != 0).unwrap(), count);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
    assert_eq!(names(folder.path()), ["latest.json"]);
}

#[test]
fn a_panicking_writer_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    let caught =
        std::panic::catch_unwind(|| to_file::<u64, DeliverError>(&path, |_| panic!("a bug")));
    assert!(caught.is_err());
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn readers_see_the_old_file_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    to_file(&path, text("old")).unwrap();
    to_file(&path, |out| -> Result<u64, DeliverError> {
        out.write_all(&vec![b'x'; 2 * BUFFER_BYTES])?;
        assert_eq!(fs::read_to_string(&path)?, "old");
        Ok(1)
    })
    .unwrap();
    assert_eq!(fs::read(&path).unwrap().len(), 2 * BUFFER_BYTES);
}

#[test]
fn two_writers_of_one_file_do_not_mix_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latest.json");
    to_file(&path, |out| {
        out.write_all(b"outer")?;
        to_file(&path, text("inner"))
    })
    .unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "outer");
    assert_eq!(names(folder.path()), ["latest.json"]);
}

#[test]
fn every_error_names_its_path_and_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let shown = |path: &Path| path.display().to_string();
    for (path, message) in [
        (folder.path().to_owned(), format!("{} is a folder", shown(folder.path()))),
        (folder.path().join("new/"), format!("{} is a folder", shown(&folder.path().join("new/")))),
        (folder.path().join(".."), format!("{} is a folder", shown(&folder.path().join("..")))),
        (PathBuf::new(), " is a folder".to_owned()),
        (
            file.join("below/x"),
            format!("could not find where {} leads", shown(&file.join("below/x"))),
        ),
    ] {
        let error = to_file(&path, text("x")).unwrap_err();
        assert!(error.to_string().starts_with(&message), "{path:?}: {error}");
    }
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_closed_pipe_is_success_and_no_delivery() {
    let ended = |written: Result<u64, io::Error>| {
        write_unless_closed::<_, DeliverError>(Vec::new(), |_| Ok(written?))
    };
    let failed = |kind: ErrorKind| ended(Err(io::Error::from(kind)));
    assert_eq!(failed(ErrorKind::BrokenPipe).unwrap(), None);
    assert_eq!(ended(Ok(7)).unwrap(), Some(7));
    let error = failed(ErrorKind::StorageFull).unwrap_err();
    assert_eq!(error.to_string(), "could not write to standard output");
    // No fault of the output.
    let faulty = io::Error::new(ErrorKind::InvalidInput, "x.html, line 3: undefined value");
    let error = ended(Err(faulty)).unwrap_err();
    assert_eq!(error.to_string(), "x.html, line 3: undefined value");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn permissions_of_the_replaced_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest.json");
        for mode in [0o600, 0o640, 0o664] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            to_file(&path, text("new")).unwrap();
            let permissions = fs::metadata(&path).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "{mode:o}");
        }
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("real")).unwrap();
        let path = folder.path().join("latest.json");
        symlink("second", &path).unwrap();
        symlink("real/latest.json", folder.path().join("second")).unwrap();
        for content in ["into nothing", "replaced"] {
            to_file(&path, text(content)).unwrap();
            let target = folder.path().join("real/latest.json");
            assert!(fs::symlink_metadata(target).unwrap().is_file());
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        }
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        symlink("b", &path).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        let error = to_file(&path, text("x")).unwrap_err();
        assert_eq!(error.to_string(), format!("could not find where {} leads", path.display()));
    }

    #[test]
    fn a_device_is_written_to_and_stays_one() {
        assert_eq!(to_file(Path::new("/dev/null"), text("gone")).unwrap(), 1);
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_file_left_by_an_earlier_process_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest.json");
        for number in 0..1_000 {
            let name = format!(".latest.json.{}.{number}.tmp", std::process::id());
            symlink("elsewhere", folder.path().join(name)).unwrap();
        }
        to_file(&path, text("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(!folder.path().join("elsewhere").exists());
    }
}
