//! Who named an address, and what is allowed because of that: the gate for addresses that strangers name.

use url::Url;

use crate::domain::feed::is_stand_in;

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressOrigin<'a> {
    /// The user: in the configuration or on the command line.
    User,
    /// The document at this address, or its server: by a link, `<base>` or a redirect.
    Document(&'a Url),
}

impl AddressOrigin<'_> {
    /// Whether `url` may be requested at all. A document names `http` and `https` only; a file on this machine may
    /// name another file.
    pub fn admits(self, url: &Url) -> bool {
        match (url.scheme(), self) {
            ("http" | "https", _) => url.host_str().is_some_and(|host| !host.is_empty()),
            ("file", Self::User) => true,
            ("file", Self::Document(by)) => by.scheme() == "file" && !is_stand_in(by.as_str()),
            _ => false,
        }
    }

    /// Whether `url` may be in a network that is not public. `allowed` is what the user allowed for the address that
    /// the user named; a document can only name that very host.
    pub fn may_be_private(self, url: &Url, allowed: bool) -> bool {
        allowed
            && match self {
                Self::User => true,
                Self::Document(by) => by.host().is_some() && by.host() == url.host(),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_public_web_addresses_and_its_own_host_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        for (by, named, admitted, private) in [
            ("http://10.0.0.1/", "http://10.0.0.1:81/feed", true, true),
            ("http://10.0.0.1/", "http://169.254.169.254/", true, false),
            ("https://a.example/", "http://10.0.0.1/", true, false),
            ("https://a.example/", "file:///etc/passwd", false, false),
            ("https://a.example/", "ftp://a.example/", false, true),
            ("file:///a.html", "file:///b.xml", true, false),
            ("file:///a.html", "http://10.0.0.1/", true, false),
        ] {
            let (by, named) = (url(by), url(named));
            let origin = AddressOrigin::Document(&by);
            assert_eq!(origin.admits(&named), admitted, "{by} {named}");
            assert_eq!(origin.may_be_private(&named, true), private, "{by} {named}");
            assert!(!origin.may_be_private(&named, false));
        }
        let file = url("file:///b.xml");
        assert!(
            AddressOrigin::User.admits(&file) && AddressOrigin::User.may_be_private(&file, true)
        );
    }
}
