//! Each codec there and back, at its limit, cut off, lied to, and on what other implementations wrote.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::*;

const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Bytes without a pattern, the same in each run.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn inputs() -> Vec<Vec<u8>> {
    let text = include_bytes!("mod.rs").repeat(60);
    let mixed = [noise(40_000), vec![7; 90_000], text.clone(), noise(70_000)].concat();
    vec![Vec::new(), vec![0], b"short".to_vec(), vec![b'x'; 200_000], noise(150_000), text, mixed]
}

fn squeeze(codec: Compression, level: Option<i32>, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, level, input, &mut out).unwrap();
    out
}

fn inflated(codec: Compression, input: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = b"before".to_vec();
    let result = decompress(codec, input, limit, &mut out);
    assert!(out.starts_with(b"before"));
    let inflated = out.split_off(6);
    assert!(inflated.len() <= limit);
    assert!(result.is_ok() || inflated.is_empty(), "an error leaves nothing behind");
    result.map(|()| inflated)
}

#[test]
fn there_and_back_within_the_limit() {
    for codec in Compression::ALL {
        for input in inputs() {
            let packed = squeeze(codec, None, &input);
            assert_eq!(inflated(codec, &packed, input.len()).as_ref(), Ok(&input), "{codec}, {} bytes", input.len());
            if let Some(less) = input.len().checked_sub(1) {
                assert_eq!(inflated(codec, &packed, less), Err(DecodeError::TooLarge { limit: less }), "{codec}");
            }
            let mut appended = b"before".to_vec();
            compress(codec, None, &input, &mut appended).unwrap();
            assert_eq!(appended.strip_prefix(b"before"), Some(&packed[..]), "{codec}");
        }
    }
}

#[test]
fn every_level() {
    let input = include_bytes!("mod.rs");
    for codec in [Compression::Gzip, Compression::Zstd] {
        let range = level_range(codec).unwrap();
        let fastest = squeeze(codec, Some(1), input).len();
        for level in (*range.start()).max(-7)..=range.end() + 1 {
            let packed = squeeze(codec, Some(level), input);
            assert_eq!(inflated(codec, &packed, input.len()).unwrap(), input, "{codec} {level}");
            assert!(level < 6 || packed.len() < fastest, "{codec} {level}: {} of {fastest}", packed.len());
        }
        assert_eq!(squeeze(codec, Some(i32::MAX), input), squeeze(codec, Some(*range.end()), input));
        let packed = squeeze(codec, Some(i32::MIN), input);
        assert_eq!(inflated(codec, &packed, input.len()).unwrap(), input);
    }
    assert_eq!(level_range(Compression::Lz4), None);
}

#[test]
fn cut_off_at_every_byte() {
    let input = include_bytes!("mod.rs");
    for codec in CODECS {
        let packed = squeeze(codec, None, input);
        for end in 0..packed.len() {
            // Snappy's framing has no end mark, and only there, at a block's edge, is a part a whole.
            if let Ok(part) = inflated(codec, &packed[..end], 1 << 20) {
                assert!(codec == Compression::Snappy && part.is_empty(), "{codec} {end}");
            }
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let input = [&include_bytes!("gzip.rs")[..], &noise(300)].concat();
    for codec in CODECS {
        let packed = squeeze(codec, None, &input);
        for bit in 0..packed.len() * 8 {
            let mut lied = packed.clone();
            lied[bit / 8] ^= 1 << (bit % 8);
            let _ = inflated(codec, &lied, 1 << 16);
        }
    }
}

#[test]
fn noise_never_panics() {
    let noise = noise(20_000);
    let magics: [&[u8]; 6] = [
        b"",
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
        b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x40",
        b"\x04\x22\x4d\x18\x60\x40\x82",
        b"\x28\xb5\x2f\xfd",
        b"\x28\xb5\x2f\xfd\0\x58",
    ];
    for codec in CODECS {
        for magic in magics {
            for start in (0..noise.len() - 200).step_by(37) {
                let lied = [magic, &noise[start..start + start % 200]].concat();
                let _ = inflated(codec, &lied, 1 << 16);
            }
        }
    }
}

#[test]
fn joined_streams_are_one() {
    for codec in CODECS {
        let joined = [squeeze(codec, None, b"one, "), squeeze(codec, None, b"two")].concat();
        assert_eq!(inflated(codec, &joined, 8).unwrap(), b"one, two", "{codec}");
        assert_eq!(inflated(codec, &joined, 7), Err(DecodeError::TooLarge { limit: 7 }), "{codec}");
    }
}

#[test]
fn names_and_numbers() {
    for (id, codec) in Compression::ALL.into_iter().enumerate() {
        assert_eq!(codec.id(), id as i8);
        assert_eq!(Compression::from_id(id as i8), Some(codec));
        assert_eq!(Compression::parse(codec.name()), Some(codec));
        assert!(is_supported(codec));
    }
    assert_eq!(Compression::from_id(5), None);
    assert_eq!(Compression::from_id(-1), None);
    assert_eq!(Compression::parse("GZIP"), None);
}

#[test]
fn snappys_framing_is_javas() {
    let input = noise(70_000);
    let packed = squeeze(Compression::Snappy, None, &input);
    assert_eq!(packed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    let mut rest = &packed[16..];
    for block in input.chunks(32 * 1024) {
        let length = u32::from_be_bytes(*rest.first_chunk().unwrap()) as usize;
        let raw = snap::raw::Decoder::new().decompress_vec(&rest[4..4 + length]).unwrap();
        assert_eq!(raw, block);
        rest = &rest[4 + length..];
    }
    assert!(rest.is_empty());
}

#[test]
fn raw_snappy_is_read() {
    for input in inputs() {
        let packed = snap::raw::Encoder::new().compress_vec(&input).unwrap();
        assert_eq!(inflated(Compression::Snappy, &packed, input.len()).as_ref(), Ok(&input));
    }
    // By hand: length 5, a literal of 5.
    assert_eq!(inflated(Compression::Snappy, b"\x05\x10hello", 5).unwrap(), b"hello");
    // A length of 1 GB, and nothing behind it.
    let lie = inflated(Compression::Snappy, b"\x80\x80\x80\x80\x04\x00x", usize::MAX);
    assert!(matches!(lie, Err(DecodeError::Compression { codec: "snappy", .. })));
}

#[test]
fn an_lz4_frame_by_hand() {
    // Independent blocks of up to 64 KB, no checksums; one stored block; the end mark.
    let frame = b"\x04\x22\x4d\x18\x60\x40\x82\x05\0\0\x80hello\0\0\0\0";
    assert_eq!(squeeze(Compression::Lz4, None, b"hello"), frame);
    assert_eq!(inflated(Compression::Lz4, frame, 5).unwrap(), b"hello");
}

#[test]
fn every_kind_of_lz4_frame_is_read() {
    for input in inputs() {
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for (size, checked) in [(BlockSize::Max64KB, true), (BlockSize::Max256KB, false), (BlockSize::Max4MB, true)] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(checked)
                    .content_checksum(checked)
                    .content_size(checked.then_some(input.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&input).unwrap();
                let frame = encoder.finish().unwrap();
                assert_eq!(inflated(Compression::Lz4, &frame, input.len()).as_ref(), Ok(&input), "{mode:?} {size:?}");
                if checked && !input.is_empty() {
                    let mut lied = frame.clone();
                    *lied.last_mut().unwrap() ^= 1;
                    assert!(inflated(Compression::Lz4, &lied, input.len()).is_err(), "the content's checksum counts");
                }
            }
        }
    }
}

#[test]
fn what_lz4_writes_others_read() {
    for input in inputs() {
        let packed = squeeze(Compression::Lz4, None, &input);
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut lz4_flex::frame::FrameDecoder::new(&packed[..]), &mut read).unwrap();
        assert!(read == input);
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// As the C library wrote them (1.5.7): streamed at level 22 with a window of 128 MB and a checksum, streamed at level 3 with a
/// window of 2 MB, and at once with a content size.
const BY_THE_C_LIBRARY: [&str; 3] = [
    "28b52ffd04886d010072c2080fd0b5012573983c02c9f60d152284b60538afcb96f38db2860ebd37659178aeb65f040100774ffdea090be72914",
    "28b52ffd005885010074024f74746c612072656164732077686174207468652043206c696272617279207772697465732e200100774ffdea09",
    "28b52ffd60180585010074024f74746c612072656164732077686174207468652043206c696272617279207772697465732e200100774ffdea09",
];

#[test]
fn zstd_of_the_c_library() {
    let text = b"Ottla reads what the C library writes. ".repeat(40);
    for frame in BY_THE_C_LIBRARY.map(hex) {
        assert_eq!(inflated(Compression::Zstd, &frame, text.len()).as_ref(), Ok(&text));
        assert_eq!(inflated(Compression::Zstd, &frame, 1000), Err(DecodeError::TooLarge { limit: 1000 }));
        // A skippable frame before and after it.
        let skippable = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
        let joined = [&skippable[..], &frame, skippable].concat();
        assert_eq!(inflated(Compression::Zstd, &joined, text.len()).as_ref(), Ok(&text));
    }
    let mut lied = hex(BY_THE_C_LIBRARY[0]);
    *lied.last_mut().unwrap() ^= 1;
    assert!(inflated(Compression::Zstd, &lied, text.len()).is_err(), "the content's checksum counts");
}

#[test]
fn zstd_headers_that_lie() {
    // One segment, of 2^40 bytes; of 100 MB, and one raw block of one byte.
    let huge = [&b"\x28\xb5\x2f\xfd\xe0"[..], &(1_u64 << 40).to_le_bytes(), b"\x09\0\0x"].concat();
    assert_eq!(inflated(Compression::Zstd, &huge, 1 << 30), Err(DecodeError::TooLarge { limit: 1 << 30 }));
    let large = [&b"\x28\xb5\x2f\xfd\xe0"[..], &100_000_000_u64.to_le_bytes(), b"\x09\0\0x"].concat();
    assert!(matches!(inflated(Compression::Zstd, &large, 1 << 30), Err(DecodeError::Compression { .. })));
    // A window of almost 4 TB is only as large as what comes.
    assert_eq!(inflated(Compression::Zstd, b"\x28\xb5\x2f\xfd\0\xff\x09\0\0x", 1 << 30).unwrap(), b"x");
    // A bomb: blocks of 128 KB from 4 bytes each.
    let bomb = [&b"\x28\xb5\x2f\xfd\0\x58"[..], &b"\x02\0\x10x".repeat(1000), b"\x01\0\0"].concat();
    assert_eq!(inflated(Compression::Zstd, &bomb, 1 << 20), Err(DecodeError::TooLarge { limit: 1 << 20 }));
    assert_eq!(inflated(Compression::Zstd, &bomb, 1000 << 17).unwrap().len(), 1000 << 17);
}
