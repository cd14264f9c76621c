//! Shortens long values to where they begin to differ.

use crate::common::printable::printable;

/// Shows two values: in full if they are short, otherwise from where they begin to differ. Empty if
/// they are equal.
pub fn excerpts(sides: [&[u8]; 2]) -> [String; 2] {
    const SHORT: usize = 4096;
    const BEFORE: usize = 64;
    let [left, right] = sides;
    if left == right {
        return Default::default();
    }
    if sides.iter().all(|side| side.len() <= SHORT) {
        return sides.map(printable);
    }
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    sides.map(|side| {
        let from = same.saturating_sub(BEFORE);
        let to = side.len().min(same + SHORT);
        format!("{} bytes, from byte {from} on: {}", side.len(), printable(&side[from..to]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cropped_to_where_they_differ() {
        let (left, mut right) = (vec![b'x'; 3_000_000], vec![b'x'; 3_000_000]);
        assert_eq!(excerpts([&left, &right]), [String::new(), String::new()]);
        right[2_500_000] = b'z';
        let [left, right] = excerpts([&left, &right]);
        assert!(left.starts_with("3000000 bytes, from byte 2499936 on: xxx"), "{}", &left[..50]);
        assert!(right.contains('z') && !left.contains('z'));
    }
}
