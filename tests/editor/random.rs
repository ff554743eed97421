//! A person who types at random while messages arrive and the window changes its size.

use super::*;
use crate::common::emulator::Emulator;
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
    let mut columns = 80;
    let (terminal, mut peer, prompt) = connect_at_terminal(24, columns);
    let prompt = format!("{prompt} ");
    let mut person = Person::default();
    person.above = terminal.look(above);
    let mut read = 0;
    for (n, step) in steps.iter().enumerate() {
        let keys = person.types(step);
        match step {
            Step::Hear(messages) => {
                for message in messages {
                    writeln!(peer, "{message}").unwrap();
                }
            }
            Step::Resize(rows, to) => {
                columns = *to;
                terminal.resize(*rows, columns);
            }
            _ => terminal.types(&keys),
        }
        let what = format!("step {n} of seed {seed}, {step:?}");
        terminal.wait_without_complaint(&what, |screen| {
            person.row_is_right(screen, columns.into(), &prompt)?;
            let above = above(screen);
            if let Step::Resize(..) = step {
                // A window that became narrower than the row may keep a copy of the row's beginning.
                let mut rest = above.iter();
                let kept = person.above.iter().all(|line| rest.any(|row| row.ends_with(line)));
                person.above = if kept { above } else { return Err(format!("above is {above:#?}")) };
            } else if above != person.above {
                return Err(format!("above is {above:#?} instead of {:#?}", person.above));
            }
            Ok(())
        });
        for line in &person.sent[read..] {
            assert_eq!(text(&read_line(&peer)), line, "{what}");
        }
        read = person.sent.len();
    }
}

/// The lines above the row.
fn above(screen: &Emulator) -> Vec<String> {
    let mut text = screen.text();
    text.pop();
    text.iter().map(|line| without_time(line).trim_end().to_owned()).collect()
}

#[test]
fn whatever_is_typed_and_arrives_the_line_and_the_screen_are_as_a_model_says() {
    for seed in 0..3 {
        type_at_random(seed);
    }
}
