//! "Did you mean": the known name that is closest to a wrong one.

use super::{
    layers::{ALIASES, PREFIX},
    shape::{Form, Shape, join},
};

/// The key that was meant by `key` in the table at `path`: a neighbour that is spelled like it, else a setting of that very
/// name elsewhere.
pub(super) fn closest_key(key: &str, path: &str, table: &Shape, root: &Shape) -> Option<String> {
    let Form::Table { keys, .. } = &table.form else { return None };
    let neighbour = closest(key, keys.keys().map(String::as_str)).map(|near| join(path, near));
    neighbour.or_else(|| {
        let leaves = root.leaves();
        let elsewhere = leaves.iter().map(|(leaf, _)| leaf).find(|leaf| leaf.rsplit('.').next() == Some(key));
        elsewhere.cloned()
    })
}

/// The word of a closed list that was meant by `word`.
pub(super) fn closest_word<'a>(word: &str, words: &'a [String]) -> Option<&'a str> {
    closest(word, words.iter().map(String::as_str))
}

/// The variable that was meant by `name`, which begins with our prefix and says `path`.
pub(super) fn closest_variable(name: &str, path: &[String], shape: &Shape) -> Option<String> {
    mended(path, shape).map(|path| variable_of(&path.join("."))).or_else(|| {
        let names: Vec<String> = variables(shape).collect();
        closest(name, names.iter().map(String::as_str)).map(str::to_owned)
    })
}

/// The path with its first unknown key replaced by a neighbour, if that leads to a setting.
fn mended(path: &[String], root: &Shape) -> Option<Vec<String>> {
    let unknown = (0..path.len()).find(|&i| root.at(path.get(..=i).unwrap_or_default()).is_none())?;
    let Form::Table { keys, .. } = &root.at(path.get(..unknown)?)?.form else { return None };
    let near = closest(path.get(unknown)?, keys.keys().map(String::as_str))?;
    let mut path = path.to_vec();
    near.clone_into(path.get_mut(unknown)?);
    root.at(&path).is_some().then_some(path)
}

/// The variable that was meant by `name`, which does not begin with our prefix but has all its letters:
/// `OPERETTA_HTTP_BIND`. Such a setting would be ignored without a word.
pub(super) fn almost_variable(name: &str, shape: &Shape) -> Option<String> {
    let letters = |name: &str| name.replace('_', "").to_ascii_uppercase();
    let meant = letters(name);
    if !meant.starts_with("OPERETTA") {
        return None;
    }
    variables(shape).find(|known| letters(known) == meant)
}

/// The variable that sets a key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn variables(shape: &Shape) -> impl Iterator<Item = String> {
    let own = shape.leaves().into_iter().map(|(key, _)| variable_of(&key));
    own.chain(ALIASES.iter().map(|alias| alias.name.to_owned()))
}

/// The candidate with the fewest edits, if they are few for a word of this length.
fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (edits, candidate) = near.min()?;
    (edits <= (word.chars().count() / 3).clamp(1, 4)).then_some(candidate)
}
