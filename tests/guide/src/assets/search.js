'use strict'
// Searches the guide: what is normalised is the text itself, so that Korean is found as it is typed.
//
// Both are brought to NFC and lower case, and spaces are ignored. Of Korean, further: common particles at a word's end
// may be missing from the text; a consonant stands for every syllable that it begins (ㅂㅇㅌ finds 바이트), and
// among such initials the silent ㅇ may be left out; the last syllable may be half typed (바잍, 소케).
const guideSearch = (() => {
  const FIRST = 0xac00, LAST = 0xd7a3, VOWELS = 21, FINALS = 28
  const INITIALS = 'ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ'
  // The final consonants of syllables, from none on: those of two letters become two.
  const FINAL = ['', 'ㄱ', 'ㄲ', 'ㄱㅅ', 'ㄴ', 'ㄴㅈ', 'ㄴㅎ', 'ㄷ', 'ㄹ', 'ㄹㄱ', 'ㄹㅁ', 'ㄹㅂ', 'ㄹㅅ', 'ㄹㅌ', 'ㄹㅍ', 'ㄹㅎ', 'ㅁ', 'ㅂ',
    'ㅂㅅ', 'ㅅ', 'ㅆ', 'ㅇ', 'ㅈ', 'ㅊ', 'ㅋ', 'ㅌ', 'ㅍ', 'ㅎ']
  // On a Korean keyboard two consonants in a row become one letter.
  const PAIRS = { ㄳ: 'ㄱㅅ', ㄵ: 'ㄴㅈ', ㄶ: 'ㄴㅎ', ㄺ: 'ㄹㄱ', ㄻ: 'ㄹㅁ', ㄼ: 'ㄹㅂ', ㄽ: 'ㄹㅅ', ㄾ: 'ㄹㅌ', ㄿ: 'ㄹㅍ', ㅀ: 'ㄹㅎ', ㅄ: 'ㅂㅅ' }
  // Vowels that begin as another: ㅗ may become ㅘ, ㅙ or ㅚ.
  const GROWS = { 8: [9, 10, 11], 13: [14, 15, 16], 18: [19] }
  // Longer ones first.
  const PARTICLES = ['으로부터', '에서는', '이라는', '에게서', '까지', '부터', '에서', '에게', '으로', '라는', '처럼', '보다', '마다', '하고', '이나',
    '에는', '과의', '와의', '은', '는', '이', '가', '을', '를', '에', '의', '로', '와', '과', '도', '만']

  const syllable = letter => {
    const code = letter.charCodeAt(0)
    if (code < FIRST || code > LAST) return null
    const index = code - FIRST
    return { initial: Math.floor(index / (VOWELS * FINALS)), vowel: Math.floor(index / FINALS) % VOWELS, final: index % FINALS }
  }

  /// The text without spaces, and where each of its letters stands in the original.
  const normalised = text => {
    const letters = [], at = []
    for (let i = 0; i < text.length; i++) {
      if (/[\s-]/.test(text[i])) continue
      letters.push(text[i].toLowerCase()[0])
      at.push(i)
    }
    return { letters, at }
  }

  // How Korean words are spelled or named elsewhere.
  const ELSEWHERE = { 엔디안: '엔디언', 핸드쉐이크: '핸드셰이크', 쓰레드: '스레드', 메세지: '메시지', 데이타: '데이터', 넌블로킹: '논블로킹',
    넌블록킹: '논블로킹', 블록킹: '블로킹', 멀티플렉싱: '다중화', 오더: '순서', 네이글: 'nagle', 링거: 'linger', 에러: '오류', 신호: '시그널' }

  const clean = query => query.normalize('NFC').toLowerCase().replace(/[()"'“”‘’]/g, ' ').replace(/-/g, '')
    .replace(/[ㄱ-ㅎ]/g, letter => PAIRS[letter] || letter).trim()

  const spelledHere = query => Object.entries(ELSEWHERE).reduce((text, [there, here]) => text.replaceAll(there, here), query)

  const isInitial = letter => INITIALS.includes(letter)

  /// What a letter of the query stands for: a test of a letter of the text.
  const test = (letter, last) => {
    if (isInitial(letter)) {
      return other => {
        if (other === letter) return true
        const parts = syllable(other)
        return parts !== null && INITIALS[parts.initial] === letter
      }
    }
    const typed = last ? syllable(letter) : null
    if (typed === null || typed.final !== 0) return other => other === letter
    const vowels = [typed.vowel, ...(GROWS[typed.vowel] || [])]
    return other => {
      const parts = syllable(other)
      return parts !== null && parts.initial === typed.initial && vowels.includes(parts.vowel)
    }
  }

  /// The ways to read a word without spaces: as it is, and with the last final consonant beginning the next syllable.
  const readings = word => {
    const letters = [...word]
    const ways = [letters.map((letter, index) => test(letter, index === letters.length - 1))]
    const last = letters.length > 0 ? syllable(letters[letters.length - 1]) : null
    if (last !== null && last.final !== 0) {
      const consonants = FINAL[last.final]
      const kept = consonants.length > 1 ? FINAL.indexOf(consonants[0]) : 0
      const base = FIRST + (last.initial * VOWELS + last.vowel) * FINALS + kept
      const before = [...letters.slice(0, -1), String.fromCharCode(base)].map(letter => test(letter, false))
      ways.push([...before, test(consonants[consonants.length - 1], false)])
    }
    return ways
  }

  const silent = letter => {
    const parts = syllable(letter)
    return parts !== null && INITIALS[parts.initial] === 'ㅇ'
  }

  /// Where the tests hold for one letter after the other: [first, one after the last], or null.
  const find = (tests, letters, skipsSilent) => {
    for (let begin = 0; begin < letters.length; begin++) {
      let at = begin, index = 0
      while (index < tests.length && at < letters.length) {
        if (tests[index](letters[at])) index++
        else if (!skipsSilent || index === 0 || !silent(letters[at])) break
        at++
      }
      if (index === tests.length && index > 0) return [begin, at]
    }
    return null
  }

  /// A hit of a word, and how well it fits (from 0, which is best).
  const hit = (word, letters) => {
    const ways = readings(word)
    for (let way = 0; way < ways.length; way++) {
      const found = find(ways[way], letters, false)
      if (found) return { found, worse: way }
    }
    const all = [...word]
    if (all.length >= 3 && all.every(isInitial)) {
      const found = find(ways[0], letters, true)
      if (found) return { found, worse: 3 }
    }
    for (const particle of PARTICLES) {
      if (!word.endsWith(particle) || word.length === particle.length) continue
      const found = find([...word.slice(0, -particle.length)].map(letter => test(letter, false)), letters, false)
      if (found) return { found, worse: word.length - particle.length > 1 ? 2 : 4 }
    }
    return null
  }

  /// The hits of a query in fields that are ordered by their weight: all of it in one, or else each word in any.
  const inFields = (query, fields, lenient) => {
    const whole = query.replace(/\s/g, '')
    for (let index = 0; index < fields.length; index++) {
      const one = hit(whole, fields[index].letters)
      if (one) return { field: index, found: one.found, cost: one.worse * 10 + index }
    }
    const words = query.split(/\s+/).filter(word => word !== '')
    if (words.length < 2) return null
    let best = null, cost = 50, missing = 0
    for (const word of words) {
      let here = null
      for (let index = 0; index < fields.length && !here; index++) {
        const one = hit(word, fields[index].letters)
        if (one) here = { field: index, found: one.found, cost: one.worse * 10 + index }
      }
      if (!here) {
        missing++
        if (!lenient || missing * 2 >= words.length) return null
        continue
      }
      cost += here.cost
      if (!best || here.field > best.field) best = here
    }
    return { ...best, cost: cost + 100 * missing }
  }

  /// A part of the text around a hit: before, the hit, after.
  const excerpt = (text, field, found, around) => {
    const begin = field.at[found[0]], end = field.at[found[1] - 1] + 1
    const from = Math.max(0, begin - around), to = Math.min(text.length, end + around)
    return [(from > 0 ? '…' : '') + text.slice(from, begin), text.slice(begin, end), text.slice(end, to) + (to < text.length ? '…' : '')]
  }

  /// Sections are [page, title of the chapter, title of the section, text]; the best come first. Where nothing has all
  /// of the query, it is looked for as it may be spelled here, and then for what has most of its words.
  const search = (sections, query, most = 30) => {
    const words = clean(query)
    if (words === '') return []
    for (const [text, lenient] of [[words, false], [spelledHere(words), false], [spelledHere(words), true]]) {
      const found = searchFor(sections, text, lenient, most)
      if (found.length) return found
    }
    return []
  }

  const searchFor = (sections, words, lenient, most) => {
    const results = []
    for (const section of sections) {
      section.fields = section.fields || [section[2], section[1], section[3]].map(normalised)
      const one = inFields(words, section.fields, lenient)
      if (!one) continue
      // Where the title is what fits, the excerpt is the text's own hit, or its beginning.
      const text = one.field === 2 ? one : { field: 2, found: (hit(words.replace(/\s/g, ''), section.fields[2].letters) || {}).found }
      const parts = text.found ? excerpt(section[3], section.fields[2], text.found, 45) : [section[3].slice(0, 90), '', '']
      results.push({ page: section[0], chapter: section[1], title: section[2], parts, cost: one.cost })
    }
    return results.map((result, index) => ({ result, index }))
      .sort((a, b) => a.result.cost - b.result.cost || a.index - b.index).slice(0, most).map(each => each.result)
  }

  return { search }
})()
