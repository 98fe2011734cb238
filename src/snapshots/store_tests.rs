use std::fs;

use super::*;

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("made/when/needed").to_str().unwrap()).unwrap();
    (folder, store)
}

fn put(store: &Store, name: &str, bytes: &[u8]) -> Result<u64> {
    store.put(name, &|| true, |out| out.write_all(bytes))
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_put_is_listed_furthest_first_read_back_and_deleted() {
    let (_folder, store) = open();
    assert_eq!(put(&store, &name_of(7), b"seven").unwrap(), 5);
    // Larger than a part.
    let large = vec![3_u8; 20 << 20];
    put(&store, &name_of(30), &large).unwrap();
    put(&store, "of somebody else", b"x").unwrap();
    let listed: Vec<_> = store.list().unwrap().into_iter().map(|entry| (entry.next_offset, entry.bytes)).collect();
    assert_eq!(listed, [(30, 20 << 20), (7, 5)]);
    let mut read = Vec::new();
    store.get(&name_of(30)).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == large);
    store.delete(&name_of(30)).unwrap();
    store.delete(&name_of(30)).unwrap();
    assert_eq!(store.list().unwrap().len(), 1);
    store.probe().unwrap();
    assert_eq!(store.list().unwrap().len(), 1, "the probe stays");
}

#[test]
fn one_that_fails_in_the_middle_leaves_nothing() {
    let (folder, store) = open();
    let half = |out: &mut dyn Write| {
        out.write_all(&vec![1; 20 << 20])?;
        Err(io::Error::other("no more"))
    };
    let error = store.put(&name_of(1), &|| true, half).unwrap_err();
    assert!(format!("{error:#}").ends_with("can't be written: no more"), "{error:#}");
    let told_to_stop = store.put(&name_of(2), &|| false, |out| out.write_all(&vec![1; 20 << 20]));
    assert!(format!("{:#}", told_to_stop.unwrap_err()).contains("told to stop"));
    assert_eq!(files(&folder.path().join("made/when/needed")), Vec::<String>::new());
}

#[test]
fn what_a_killed_writer_left_is_no_snapshot_and_is_cleaned_up_once_it_is_idle() {
    let (folder, store) = open();
    let path = folder.path().join("made/when/needed");
    put(&store, &name_of(5), b"whole").unwrap();
    let leftover = format!("{}#1", name_of(9));
    fs::write(path.join(&leftover), b"half of it").unwrap();
    fs::write(path.join("notes#1"), b"of somebody else").unwrap();
    assert_eq!(store.list().unwrap().len(), 1, "half a snapshot is listed");
    assert_eq!(store.clean(Duration::from_secs(3_600)).unwrap(), 0, "a writer may be at it");
    // The next writer of that name is not in its way.
    put(&store, &name_of(9), b"whole too").unwrap();
    assert_eq!(store.clean(Duration::ZERO).unwrap(), 1);
    assert_eq!(files(&path), ["notes#1".to_owned(), name_of(5), name_of(9)]);
}

#[test]
fn only_names_of_twenty_digits_are_snapshots() {
    assert_eq!(name_of(42), "shop-00000000000000000042.snapshot");
    assert_eq!(offset_of(&name_of(42)), Some(42));
    for other in ["shop-42.snapshot", "shop-0000000000000000004x.snapshot", "shop-00000000000000000042.snapshot#1", "shop-.snapshot"] {
        assert_eq!(offset_of(other), None, "{other}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_one_line_with_setting_place_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let path = folder.path().join("file/below");
    let error = format!("{:#}", Store::open(path.to_str().unwrap()).err().unwrap());
    assert!(error.starts_with(&format!("state.snapshot_url = {}: it can't be opened: ", path.display())), "{error}");
    assert!(error.contains("Not a directory") && !error.contains('\n'), "{error}");
}

#[test]
fn of_a_stores_page_of_xml_the_message_alone_is_told() {
    let page = "Server returned non-2xx status code: 404 Not Found: <?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code>\n\
        <Message>The specified bucket does not exist</Message><BucketName>x</BucketName></Error>";
    let error = object_store::Error::Generic { store: "S3", source: page.into() };
    let line = "Generic S3 error: Server returned non-2xx status code: 404 Not Found: The specified bucket does not exist";
    assert_eq!(one_line(&error), line);
}
