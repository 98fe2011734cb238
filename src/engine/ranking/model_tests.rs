use super::*;

/// SplitMix64, by which tests draw.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f32 {
        self.0 += 1;
        (spread(self.0) + 1.0) / 2.0
    }
}

/// Candidates of which those are bought whose last feature is above a half, whatever the formula says of them.
fn example(dice: &mut Dice) -> (Vec<Features>, Vec<bool>) {
    let candidates: Vec<Features> = (0..10).map(|_| std::array::from_fn(|_| dice.unit())).collect();
    let bought = candidates.iter().map(|features| features[FEATURES - 1] > 0.5).collect();
    (candidates, bought)
}

fn best(model: &Model, candidates: &[Features]) -> usize {
    (0..candidates.len()).max_by(|a, b| model.score(&candidates[*a]).total_cmp(&model.score(&candidates[*b]))).unwrap()
}

fn hits(model: &Model, seed: u64) -> usize {
    let mut dice = Dice(seed);
    let is_hit = |(candidates, bought): (Vec<Features>, Vec<bool>)| bought[best(model, &candidates)];
    (0..200).filter(|_| is_hit(example(&mut dice))).count()
}

#[test]
fn before_it_was_taught_it_is_the_formula() {
    let (model, mut dice) = (Model::default(), Dice(3));
    for _ in 0..100 {
        let features: Features = std::array::from_fn(|_| dice.unit() * 9.0 - 4.0);
        assert_eq!(model.score(&features), features[0]);
    }
}

#[test]
fn it_learns_what_is_bought_though_the_formula_says_nothing_of_it() {
    let (mut model, mut dice) = (Model::default(), Dice(1_000_000));
    let before = hits(&model, 9);
    for _ in 0..400 {
        let (candidates, bought) = example(&mut dice);
        model.learn(&candidates, &bought);
    }
    let after = hits(&model, 9);
    assert!((80..120).contains(&before) && after > 180, "{before}, then {after} of 200");
}

#[test]
fn the_same_examples_make_the_same_model_to_the_last_bit() {
    let taught = || {
        let (mut model, mut dice) = (Model::default(), Dice(5));
        for _ in 0..200 {
            let (candidates, bought) = example(&mut dice);
            model.learn(&candidates, &bought);
        }
        model
    };
    assert_eq!(postcard::to_stdvec(&taught()).unwrap(), postcard::to_stdvec(&taught()).unwrap());
    // On every machine: a change of this is a change of what is learned.
    insta::assert_snapshot!(format!("{:08x}", crc32fast::hash(&postcard::to_stdvec(&taught()).unwrap())), @"641954cc");
}

#[test]
fn an_example_of_which_nothing_or_all_was_bought_or_that_is_no_number_teaches_nothing() {
    let (mut model, mut dice) = (Model::default(), Dice(5));
    for _ in 0..100 {
        let (candidates, bought) = example(&mut dice);
        model.learn(&candidates, &bought);
    }
    let weights = model.weights.clone();
    let (mut candidates, bought) = example(&mut dice);
    model.learn(&candidates, &[false; 10]);
    model.learn(&candidates, &[true; 10]);
    model.learn(&[], &[]);
    candidates[3][7] = f32::NAN;
    model.learn(&candidates, &bought);
    assert_eq!(model.weights, weights);
}

#[test]
fn its_step_goes_down_the_slope_of_the_loss_by_every_weight() {
    let (mut model, mut dice) = (Model::default(), Dice(77));
    for _ in 0..80 {
        let (candidates, bought) = example(&mut dice);
        model.learn(&candidates, &bought);
    }
    let (candidates, bought) = example(&mut dice);
    let loss = |model: &Model| {
        let scores: Vec<f64> = candidates.iter().map(|features| f64::from(model.score(features))).collect();
        let all: f64 = scores.iter().map(|score| score.exp()).sum();
        let hit: f64 = scores.iter().zip(&bought).filter(|(_, bought)| **bought).map(|(score, _)| score.exp()).sum();
        -(hit / all).ln()
    };
    let scaled: Vec<Features> = candidates.iter().map(|features| model.scale.of(features)).collect();
    let forward: Vec<_> = candidates.iter().zip(&scaled).map(|(features, z)| model.forward(features, z)).collect();
    let mut gradient = Weights::of(0.0);
    for (k, slope) in slopes(&forward, &bought).into_iter().enumerate() {
        model.backward(&mut gradient, slope, &candidates[k], &scaled[k], &forward[k].1);
    }
    // The formula's own weight, the second, is slow on purpose.
    let expected: Vec<f32> = gradient.all().enumerate().map(|(at, slope)| if at == 1 { slope * 10.0 } else { slope }).collect();
    for (at, slope) in expected.into_iter().enumerate() {
        let by = |off: f32| {
            let mut moved = model.clone();
            *moved.weights.all_mut().nth(at).unwrap() += off;
            loss(&moved)
        };
        let measured = (by(1e-2) - by(-1e-2)) / 2e-2;
        assert!((measured - f64::from(slope)).abs() < 2e-3 + 0.05 * measured.abs(), "weight {at}: {measured} and {slope}");
    }
}
