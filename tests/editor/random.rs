//! A person who types at random while messages arrive and the window changes its size.

use super::*;
use crate::common::person::{Person, Step, steps};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Takes some hundred steps, after each of which the screen and the line are as the model says.
#[track_caller]
fn type_at_random(seed: u8) {
    eprintln!("seed {seed}");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let steps = steps(200..=200).new_tree(&mut runner).unwrap().current();
    let (terminal, mut peer, prompt) = connect_at_terminal(24, 80);
    let prompt = format!("{prompt} ");
    let notice = format!("* ...connected to: {}", peer.local_addr().unwrap());
    let mut person = Person::new(80, vec![notice]);
    let mut read = 0;
    for (n, step) in steps.iter().enumerate() {
        let keys = person.types(step);
        match step {
            Step::Hear(messages) => {
                for message in messages {
                    writeln!(peer, "{message}").unwrap();
                }
            }
            Step::Resize(rows, columns) => terminal.resize(*rows, *columns),
            _ => terminal.types(&keys),
        }
        let what = format!("step {n} of seed {seed}, {step:?}");
        terminal.wait_without_complaint(&what, |screen| {
            person.row_is_right(screen, &prompt)?;
            person.above_is_right(screen, &prompt)
        });
        for line in &person.sent[read..] {
            assert_eq!(text(&read_line(&peer)), line, "{what}");
        }
        read = person.sent.len();
    }
}

#[test]
fn whatever_is_typed_and_arrives_the_line_and_the_screen_are_as_a_model_says() {
    for seed in 0..3 {
        type_at_random(seed);
    }
}
