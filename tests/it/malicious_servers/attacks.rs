//! What servers can do to a client, one by one.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

use crate::support::feeds::{item, rss};

/// One way to misbehave, and what a poll has to make of it.
pub(super) struct Attack {
    pub(super) name: &'static str,
    /// The outcomes that are right, as the program names them.
    pub(super) outcomes: &'static [&'static str],
    /// Words of the explanation.
    pub(super) says: &'static str,
    pub(super) act: fn(&mut TcpStream) -> io::Result<()>,
}

const TOO_LATE: &str = "did not answer completely within 20s";
const TOO_LARGE: &str = "max_body";
const BROKEN_OFF: &str = "breaks off";

/// Unpacks to more than any limit of these tests. Made once: that takes longer than a poll may.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![0; 17 << 20]));
static ZSTD_BOMB: LazyLock<Vec<u8>> =
    LazyLock::new(|| zstd::encode_all(&*vec![0; 256 << 20], 1).unwrap());

/// Of 16 MiB, and of as much again for each repetition: it ends where a byte does, and refers to nothing
/// before it.
static DEFLATE_BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packer = Compress::new(Compression::fast(), false);
    let mut packed = Vec::with_capacity(1 << 20);
    packer.compress_vec(&vec![0; 16 << 20], &mut packed, FlushCompress::Full).unwrap();
    packed
});

/// The same in brotli (RFC 7932), with the largest window there is: the beginning, and what each 16 MiB more
/// take.
const BROTLI_HEAD: &[u8] = b"\xcf\xff\xff\x7f\x00\x24\x00\xe2\xb1\x40\x72\xef\xff\x0d";
const BROTLI_MORE: &[u8] = b"\xfc\xff\xff\x07\x40\x02\x20\x0e\x0b\x40\xf7\xfe\xdf\x00";

pub(super) fn prepare() {
    LazyLock::force(&BOMB);
    LazyLock::force(&ZSTD_BOMB);
    LazyLock::force(&DEFLATE_BOMB);
}

const fn attack(
    name: &'static str,
    outcomes: &'static [&'static str],
    says: &'static str,
    act: fn(&mut TcpStream) -> io::Result<()>,
) -> Attack {
    Attack { name, outcomes, says, act }
}

pub(super) const ATTACKS: &[Attack] = &[
    attack("says_nothing", &["timeout"], TOO_LATE, until_closed),
    attack("slow_headers", &["timeout"], TOO_LATE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
        drip(stream)
    }),
    attack("a_byte_at_a_time", &["timeout"], TOO_LATE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<rss>")?;
        drip(stream)
    }),
    attack("stall_in_mid_body", &["timeout"], TOO_LATE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n<rss><channel>")?;
        until_closed(stream)
    }),
    attack("interim_for_ever", &["timeout", "connect"], "", |stream| {
        loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            thread::sleep(Duration::from_millis(1));
        }
    }),
    attack("endless_chunks", &["too_large"], TOO_LARGE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let chunk = [b"10000\r\n".as_slice(), &[b'a'; 0x10000], b"\r\n"].concat();
        loop {
            stream.write_all(&chunk)?;
        }
    }),
    attack("endless_without_length", &["too_large"], TOO_LARGE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<rss>")?;
        loop {
            stream.write_all(&[b' '; 0x10000])?;
        }
    }),
    attack("a_petabyte_announced", &["too_large"], TOO_LARGE, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n<rss>")?;
        until_closed(stream)
    }),
    attack("gzip_bomb", &["too_large"], TOO_LARGE, |stream| coded(stream, "gzip", &BOMB)),
    attack("gzip_bomb_of_10_gb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "gzip", &BOMB.repeat(600))
    }),
    attack("deflate_bomb_of_10_gb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "deflate", &[b"\x78\x01".as_slice(), &DEFLATE_BOMB.repeat(640)].concat())
    }),
    attack("bare_deflate_bomb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "deflate", &DEFLATE_BOMB.repeat(2))
    }),
    attack("brotli_bomb_of_10_gb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "br", &[BROTLI_HEAD, &BROTLI_MORE.repeat(640)].concat())
    }),
    attack("brotli_bomb_in_gzip", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "br, gzip", &gzip(&[BROTLI_HEAD, &BROTLI_MORE.repeat(640)].concat()))
    }),
    attack("zstd_bomb_of_10_gb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "zstd", &ZSTD_BOMB.repeat(40))
    }),
    attack("zstd_bomb", &["too_large"], TOO_LARGE, |stream| coded(stream, "zstd", &ZSTD_BOMB)),
    attack("nested_bomb", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "gzip, gzip", &gzip(&BOMB))
    }),
    attack("bomb_in_zstd", &["too_large"], TOO_LARGE, |stream| {
        coded(stream, "zstd, gzip", &gzip(&ZSTD_BOMB))
    }),
    attack("more_codings_than_sense", &["body"], "more than 3 codings", |stream| {
        coded(stream, "gzip, gzip, gzip, gzip", &gzip(&gzip(&gzip(&gzip(b"<rss/>")))))
    }),
    attack("unknown_coding", &["body"], "Content-Encoding `rot13` is not known", |stream| {
        coded(stream, "rot13", &[0xff; 100])
    }),
    attack("truncated_gzip", &["cut_off"], "the document breaks off after 0 entries", |stream| {
        let mut packed = gzip(rss("truncated_gzip", &[item(7)]).as_bytes());
        packed.truncate(packed.len() / 2);
        coded(stream, "gzip", &packed)
    }),
    attack("no_gzip_at_all", &["body"], "cannot be unpacked: gzip", |stream| {
        coded(stream, "gzip", &[0xff; 100])
    }),
    attack("less_than_announced", &["cut_off"], BROKEN_OFF, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<rss><channel></channel>")
    }),
    attack("more_than_announced", &["not_a_feed"], "", |stream| {
        let document = rss("News", &[item(7)]);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{document}")
    }),
    attack("length_is_no_number", &["connect"], "no answer", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n<rss/>")
    }),
    attack("two_lengths", &["connect"], "no answer", |stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\n<rss/>x")
    }),
    attack("truncated_chunk", &["cut_off"], BROKEN_OFF, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n<rss>")
    }),
    attack("no_last_chunk", &["cut_off"], BROKEN_OFF, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<rss>\r\n")
    }),
    attack("chunk_size_is_no_number", &["cut_off"], "could not read the body", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<rss>\r\n")
    }),
    attack("chunk_of_more_than_there_is", &["cut_off", "too_large"], "", |stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        )
    }),
    attack("endless_chunk_extension", &["body", "cut_off", "timeout", "too_large"], "", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=")?;
        loop {
            stream.write_all(&[b'a'; 0x1000])?;
        }
    }),
    attack("endless_trailer", &["body", "cut_off", "timeout", "too_large"], "", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: ")?;
        loop {
            stream.write_all(&[b'a'; 0x1000])?;
        }
    }),
    attack("hangs_up", &["connect"], "no answer", |_| Ok(())),
    attack("garbage", &["connect"], "no answer", |stream| {
        stream.write_all(&(0..=255).cycle().take(5000).collect::<Vec<u8>>())
    }),
    attack("another_protocol", &["connect"], "no answer", |stream| {
        stream.write_all(b"220 mail.example ESMTP\r\n")
    }),
    attack("a_header_of_1_mb", &["connect"], "no answer", |stream| {
        let value = "a".repeat(1 << 20);
        write!(stream, "HTTP/1.1 200 OK\r\nX-Large: {value}\r\n\r\n<rss/>")
    }),
    attack("thousands_of_headers", &["connect"], "no answer", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        (0..5000).try_for_each(|n| write!(stream, "X-{n}: {n}\r\n"))?;
        stream.write_all(b"\r\n<rss/>")
    }),
    attack("a_block_of_headers_of_1_mb", &["connect"], "no answer", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        let value = "a".repeat(16_000);
        (0..64).try_for_each(|n| write!(stream, "X-{n}: {value}\r\n"))?;
        stream.write_all(b"\r\n<rss/>")
    }),
    attack("endless_headers", &["connect"], "no answer", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-Again: and again\r\n")?;
        }
    }),
    attack("circle", &["redirect"], "in a circle", |stream| {
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /circle\r\nContent-Length: 0\r\n\r\n")
    }),
    attack("to_another_scheme", &["redirect"], "only http and https are", |stream| {
        stream
            .write_all(b"HTTP/1.1 301 Moved\r\nLocation: gopher://x/\r\nContent-Length: 0\r\n\r\n")
    }),
    attack("to_a_file", &["redirect"], "only http and https are", |stream| {
        stream.write_all(
            b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        )
    }),
    attack("a_redirect_with_an_endless_page", &["redirect", "timeout"], "", |stream| {
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: gopher://x/\r\n\r\n")?;
        loop {
            stream.write_all(&[b' '; 0x10000])?;
        }
    }),
    attack("nothing_with_200_and_chunks", &["not_a_feed"], "", |stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nETag: \"bad\"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
    }),
    attack("a_header_that_is_no_text", &["connect", "not_a_feed"], "", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"\x00\x01\"\r\nContent-Length: 3\r\n\r\n<x>")
    }),
    attack("nothing_with_200", &["not_a_feed"], "", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nETag: \"bad\"\r\nContent-Length: 0\r\n\r\n")
    }),
    attack("no_content", &["http_status"], "204", |stream| {
        stream.write_all(b"HTTP/1.1 204 No Content\r\nETag: \"bad\"\r\n\r\n")
    }),
    attack("a_part_nobody_asked_for", &["http_status"], "206", |stream| {
        stream.write_all(
            b"HTTP/1.1 206 Partial\r\nETag: \"bad\"\r\nContent-Length: 6\r\n\
              Content-Range: bytes 0-5/99\r\n\r\n<rss/>",
        )
    }),
    attack("a_switch_of_protocols", &["http_status", "connect"], "", |stream| {
        stream.write_all(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi")
    }),
    attack("a_page_with_200", &["not_a_feed"], "web page", |stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nETag: \"bad\"\r\nContent-Type: application/rss+xml\r\n\
              Connection: close\r\n\r\n<!doctype html><html><body>Log in</body></html>",
        )
    }),
    attack("an_error_with_an_endless_page", &["http_status", "timeout"], "", |stream| {
        stream.write_all(b"HTTP/1.1 500 Oh\r\n\r\n")?;
        loop {
            stream.write_all(&[b'a'; 0x10000])?;
        }
    }),
];

fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

fn drip(stream: &mut TcpStream) -> io::Result<()> {
    loop {
        stream.write_all(b"a")?;
        thread::sleep(Duration::from_millis(100));
    }
}

fn coded(stream: &mut TcpStream, coding: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(plain).unwrap();
    packer.finish().unwrap()
}
