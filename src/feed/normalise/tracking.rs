//! Tracking parameters: query parameters that only tell the site where a reader came from.

/// Names of parameters that no site needs to find the page, lower-case. A name that ends in `*` is a prefix.
const ALWAYS: [&str; 54] = [
    "utm_*",
    "mtm_*",
    "pk_*",
    "piwik_*",
    "matomo_*",
    "ga_*",
    "_ga",
    "_gl",
    "gclid",
    "dclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "fb_*",
    "msclkid",
    "yclid",
    "ysclid",
    "twclid",
    "igshid",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "_hsenc",
    "_hsmi",
    "__hs*",
    "vero_*",
    "oly_*",
    "wt_mc",
    "wt.mc_id",
    "cmpid",
    "icid",
    "ncid",
    "s_cid",
    "at_medium",
    "at_campaign",
    "at_*",
    "xtor",
    "ns_*",
    "ocid",
    "ftag",
    "smid",
    "smtyp",
    "partner",
    "emc",
    "wpisrc",
    "ito",
    "traffic_source",
    "guccounter",
    "spm",
    "echobox",
    "__twitter_impression",
    "srsltid",
    "amp;utm_*",
    "amp;ns_*",
];

/// Removes the tracking parameters of an address. The rest of it stays the same byte for byte.
pub fn without(url: String) -> String {
    let (address, fragment) = match url.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (url.as_str(), None),
    };
    let Some((start, query)) = address.split_once('?') else { return url };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_tracking(pair)).collect();
    if kept.len() == query.split('&').count() {
        return url;
    }
    let mut clean = start.to_owned();
    if !kept.is_empty() {
        clean.push('?');
        clean.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        clean.push('#');
        clean.push_str(fragment);
    }
    clean
}

/// Whether a pair `name=value` of a query is one of these parameters.
pub fn is_tracking(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or(pair).to_ascii_lowercase();
    ALWAYS.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::without;

    #[test]
    fn only_what_tracks_is_taken_from_an_address() {
        for (url, expected) in [
            ("https://a.example/x?id=1&utm_source=rss&p=2#c", "https://a.example/x?id=1&p=2#c"),
            ("https://a.example/x?utm_source=rss", "https://a.example/x"),
            ("https://a.example/x?at_medium=RSS&at_campaign=K#f", "https://a.example/x#f"),
            ("https://a.example/x?a=1&amp;utm_medium=feed", "https://a.example/x?a=1"),
            ("https://a.example/x?UTM_Source=a&ITO=1", "https://a.example/x"),
            ("https://a.example/?p=5&&q=%20", "https://a.example/?p=5&&q=%20"),
            (
                "https://a.example/x?ref=home&from=b&feed=c",
                "https://a.example/x?ref=home&from=b&feed=c",
            ),
            ("https://a.example/x#?utm_source=a", "https://a.example/x#?utm_source=a"),
        ] {
            assert_eq!(without(url.to_owned()), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_cleaned_once_and_all_else_of_it_stays(
            url in "https://a\\.example/([?#&=]|utm_source=x|UTM_medium|fbclid=1|id=7|amp;|\\PC){0,12}"
        ) {
            let once = without(url.clone());
            prop_assert_eq!(without(once.clone()), &*once);
            prop_assert!(once.len() <= url.len());
            let fragment = |url: &str| url.split_once('#').map(|(_, rest)| rest.to_owned());
            prop_assert_eq!(fragment(&once), fragment(&url));
        }
    }
}
