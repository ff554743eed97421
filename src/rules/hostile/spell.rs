//! Inputs in words. `tests/hub_rules.rs` has this file, too.

/// What an input says in a language that has these words: each byte from 128 on is one of them, and the others are themselves. So
/// random bytes say something, a fuzzer changes words and not only letters, and a person can read a corpus.
pub(crate) fn spell<W: AsRef<[u8]>>(input: &[u8], words: &[W]) -> Vec<u8> {
    let one = |byte: &u8| match byte.checked_sub(128) {
        Some(number) => words[usize::from(number) % words.len()].as_ref().to_vec(),
        None => vec![*byte],
    };
    input.iter().flat_map(one).collect()
}
