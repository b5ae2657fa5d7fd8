//! Bot walls: pages that ask for a proof that the reader is a person. They are named, not worked around.

use dom_query::Document;

use crate::article_page::tree::{all, line};

/// Texts that only such pages have, in lower case, and the names of the products.
#[rustfmt::skip]
const CERTAIN: [(&str, &str); 40] = [
    ("cf-browser-verification", "Cloudflare"), ("cf_chl_opt", "Cloudflare"), ("cf-challenge-running", "Cloudflare"),
    ("<title>just a moment...</title>", "Cloudflare"), ("<title>attention required! | cloudflare</title>", "Cloudflare"),
    ("cf-error-details", "Cloudflare"),
    ("anubis_challenge", "Anubis"), ("/.within.website/x/cmd/anubis", "Anubis"), ("/.within.website/x/xess", "Anubis"),
    ("making sure you&#39;re not a bot!", "Anubis"), ("making sure you're not a bot!", "Anubis"),
    ("captcha-delivery.com", "DataDome"), ("please enable js and disable any ad blocker", "DataDome"),
    ("kpsdk", "Kasada"), ("/149e9513-01fa-4fb0-aad4-566afd725d1b/", "Kasada"),
    ("_px-captcha", "PerimeterX"), ("px-captcha", "PerimeterX"), ("captcha.px-cdn.net", "PerimeterX"), ("captcha.perimeterx.net", "PerimeterX"),
    ("incapsula incident id", "Imperva"), ("<title>pardon our interruption", "Imperva"),
    ("ak_bmsc_challenge", "Akamai"), ("sec-if-cpt-container", "Akamai"), ("/_sec/cp_challenge/", "Akamai"), ("bm-verify=", "Akamai"),
    ("errors.edgesuite.net", "Akamai"),
    ("awswafintegration", "AWS WAF"), ("window.gokuprops", "AWS WAF"), ("captcha.awswaf.com", "AWS WAF"),
    ("vercel security checkpoint", "Vercel"), ("/.well-known/vercel/security/", "Vercel"),
    ("sucuri_cloudproxy_js", "Sucuri"), ("sucuri website firewall", "Sucuri"),
    ("/.well-known/ddos-guard/", "DDoS-Guard"), ("<title>ddos-guard</title>", "DDoS-Guard"), ("check.ddos-guard.net", "DDoS-Guard"),
    ("validate.perfdrive.com", "Radware"), ("/_fs-ch-", "Fastly"), ("/__challenge_haproxy", "HAProxy"), ("bunkerweb antibot", "BunkerWeb"),
];

/// Texts that pages with an article may have too: scripts that watch their readers, and forms.
#[rustfmt::skip]
const POSSIBLE: [(&str, &str); 16] = [
    ("/cdn-cgi/challenge-platform/", "Cloudflare"), ("challenges.cloudflare.com/turnstile", "Cloudflare Turnstile"), ("cf-turnstile", "Cloudflare Turnstile"),
    ("datadome", "DataDome"), ("_incapsula_resource", "Imperva"), ("aws-waf-token", "AWS WAF"), ("awswaf.com", "AWS WAF"),
    ("_pxappid", "PerimeterX"), ("human.security", "PerimeterX"), ("ddos-guard", "DDoS-Guard"), ("hcaptcha.com", "hCaptcha"), ("h-captcha", "hCaptcha"),
    ("g-recaptcha", "reCAPTCHA"), ("/recaptcha/", "reCAPTCHA"), ("friendlycaptcha", "Friendly Captcha"), ("geetest", "GeeTest"),
];

/// The product whose challenge the page is.
pub(super) fn bot_wall(html: &str, page: &Document) -> Option<&'static str> {
    /// In characters. A challenge says a sentence or two; Anubis explains itself.
    const LONGEST: usize = 1_500;
    const LONGEST_CERTAIN: usize = 3_000;
    let html = html.to_lowercase();
    let find = |walls: &[(&str, &'static str)]| {
        walls.iter().find(|(text, _)| html.contains(text)).map(|(_, name)| *name)
    };
    let length = || {
        let body = all(page, "body");
        body.first().map(line).unwrap_or_default().chars().count()
    };
    // Many paragraphs are an article, whatever watches them.
    let paragraphs = || {
        let long = |node: &&dom_query::NodeRef<'_>| 120 <= line(node).chars().count();
        all(page, "article p, main p").iter().filter(long).count()
    };
    if let Some(name) = find(&CERTAIN) {
        return (length() < LONGEST_CERTAIN && paragraphs() < 6).then_some(name);
    }
    let name = find(&POSSIBLE)?;
    let has_article = 2 <= all(page, "article p, main p").len();
    (length() < LONGEST && !has_article).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_bot_wall_has_its_name() {
        for (html, expected) in [
            ("<title>Just a moment...</title><script>window._cf_chl_opt={}</script>", "Cloudflare"),
            (
                "<title>Nur einen Moment…</title><script>(function(){window._cf_chl_opt = {cType: 'managed'}})()</script>",
                "Cloudflare",
            ),
            (
                "<title>Attention Required! | Cloudflare</title><h1>Sorry, you have been blocked</h1>",
                "Cloudflare",
            ),
            (
                "<main><h1>Making sure you&#39;re not a bot!</h1><p id=status>Loading...</p><details><p>You are seeing this because the administrator of this website has set up Anubis to protect the server against the scourge of AI companies aggressively scraping websites.</p><p>Anubis is a compromise.</p></details></main><script id='anubis_challenge'>{}</script>",
                "Anubis",
            ),
            (
                "<p id=cmsg>Please enable JS and disable any ad blocker</p><script src='https://ct.captcha-delivery.com/c.js'></script>",
                "DataDome",
            ),
            (
                "<script>window.KPSDK={}</script><script src='/149e9513-01fa-4fb0-aad4-566afd725d1b/2d206a39/ips.js'></script>",
                "Kasada",
            ),
            (
                "<iframe src='/_Incapsula_Resource?SWUDNSAI=31'>Request unsuccessful. Incapsula incident ID: 1</iframe>",
                "Imperva",
            ),
            (
                "<title>Pardon Our Interruption</title><p>As you were browsing something about your browser made us think you were a bot.</p>",
                "Imperva",
            ),
            (
                "<div id='sec-if-cpt-container'></div><script src='/_sec/cp_challenge/a.js'></script>",
                "Akamai",
            ),
            (
                "<h1>Access Denied</h1>Reference #18.1 <p>https://errors.edgesuite.net/18.1</p>",
                "Akamai",
            ),
            (
                "<p>Confirm you are human</p><script src='https://js.hcaptcha.com/1/api.js'></script>",
                "hCaptcha",
            ),
            (
                "<div class=cf-turnstile></div><script src='https://challenges.cloudflare.com/turnstile/v0/api.js'></script>",
                "Cloudflare Turnstile",
            ),
            (
                "<div id='px-captcha'></div><p>Press &amp; Hold to confirm you are a human</p>",
                "PerimeterX",
            ),
            (
                "<title>Vercel Security Checkpoint</title><p>We're verifying your browser</p>",
                "Vercel",
            ),
            (
                "<script>window.gokuProps = {}</script><script>AwsWafIntegration.checkForceRefresh()</script>",
                "AWS WAF",
            ),
            (
                "<script>sucuri_cloudproxy_js='';</script><p>You are being redirected...</p>",
                "Sucuri",
            ),
            (
                "<title>DDoS-Guard</title><p>Checking your browser before accessing example.org</p>",
                "DDoS-Guard",
            ),
        ] {
            let page = Document::from(html);
            assert_eq!(bot_wall(html, &page), Some(expected), "{html}");
        }
    }

    #[test]
    fn an_article_that_loads_such_scripts_is_no_bot_wall() {
        let text = "<p>After nine years the ferry to the island sails again, every morning and every evening, and the harbour is full of people.</p>";
        for script in [
            "/cdn-cgi/challenge-platform/scripts/jsd/main.js",
            "https://js.datadome.co/tags.js",
            "https://www.google.com/recaptcha/api.js",
            "https://js.hcaptcha.com/1/api.js",
            "/_Incapsula_Resource?a",
            "https://a.awswaf.com/challenge.js",
        ] {
            let html =
                format!("<article>{}</article><script src='{script}'></script>", text.repeat(3));
            assert_eq!(bot_wall(&html, &Document::from(html.as_str())), None, "{script}");
        }
        let about = format!(
            "<article>{}<p>Anubis shows: Making sure you're not a bot!</p></article>",
            text.repeat(8)
        );
        assert_eq!(bot_wall(&about, &Document::from(about.as_str())), None);
    }
}
