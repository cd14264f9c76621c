'use strict'
// Everything can be read without this: it searches, copies, and remembers the language.
const main = document.querySelector('main')
const other = document.querySelector('#language')

// The other language: the same page at the same place, and remembered.
const remember = code => { try { localStorage.setItem('language', code) } catch { /* there is no memory */ } }
remember(document.documentElement.lang)
const keepPlace = () => { if (other) other.hash = location.hash }
addEventListener('hashchange', keepPlace)
keepPlace()
// The section that is read is the place, unless the one of the address is on the screen.
if (other) other.addEventListener('click', () => {
  const named = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)))
  const top = named ? named.getBoundingClientRect().top : -1
  if (top >= 0 && top < innerHeight) return
  const heads = [...main.querySelectorAll('h2[id], h3[id]')]
  const above = heads.filter(head => head.getBoundingClientRect().top < innerHeight / 3)
  if (above.length) other.hash = above[above.length - 1].id
})

// The contents show where this page is.
const side = document.querySelector('nav.side')
const current = side && side.querySelector('[aria-current]')
if (current) side.scrollTop = current.offsetTop - side.clientHeight / 2

// A button that copies, on what is meant to be copied.
for (const block of document.querySelectorAll('pre:has(> code), .twin')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = main.dataset.copy
  button.addEventListener('click', async () => {
    const lines = [...block.querySelectorAll('.l')].map(line => line.textContent)
    const text = lines.length ? lines.join('\n') : block.querySelector('code').textContent
    const area = document.createElement('textarea')
    area.value = text.trimEnd() + '\n'
    document.body.append(area)
    area.select()
    // A page from disk may have no clipboard of the newer kind.
    document.execCommand('copy')
    area.remove()
    button.textContent = main.dataset.copied
    setTimeout(() => { button.textContent = main.dataset.copy }, 1500)
  })
  block.append(button)
}

// The line of the tutorial that somebody types: a line that no row has belongs to the row before it.
const line = document.querySelector('#line')
if (line) {
  const rows = [...document.querySelectorAll('tr[data-first]')]
  const note = document.querySelector('#line-note')
  const last = Number(line.max)
  let first = null
  line.addEventListener('input', () => {
    const number = Number(line.value)
    const known = Number.isInteger(number) && number >= 1 && number <= last
    let found = rows.filter(row => number >= Number(row.dataset.first) && number <= Number(row.dataset.last))
    if (!found.length) found = rows.filter(row => Number(row.dataset.first) <= number).slice(-1)
    if (!known) found = []
    for (const row of rows) row.classList.toggle('on', found.includes(row))
    first = found[0] || null
    note.hidden = known || line.value === ''
    // The browser scrolls the caret back into view first.
    if (first) requestAnimationFrame(() => first.scrollIntoView({ block: 'center' }))
  })
  line.addEventListener('keydown', event => {
    const link = event.key === 'Enter' && first && first.querySelector('a')
    if (link) location = link.href
  })
}

// The search.
const field = document.querySelector('#search input')
const list = document.querySelector('#results')
let chosen = -1
const show = () => {
  const query = field.value
  const results = typeof SECTIONS === 'undefined' ? [] : guideSearch.search(SECTIONS, query)
  list.replaceChildren(...results.map(result => {
    const item = document.createElement('a')
    item.href = main.dataset.root + result.page
    const head = document.createElement('b')
    head.textContent = result.chapter === result.title ? result.title : `${result.chapter} › ${result.title}`
    const text = document.createElement('span')
    const mark = document.createElement('mark')
    mark.textContent = result.parts[1]
    text.append(result.parts[0], mark, result.parts[2])
    item.append(head, text)
    return item
  }))
  if (query.trim() && !results.length) list.textContent = main.dataset.nothing
  list.hidden = !query.trim()
  chosen = -1
}
const choose = by => {
  const items = [...list.querySelectorAll('a')]
  if (!items.length) return
  chosen = (chosen + by + items.length) % items.length
  items[chosen].focus()
}
if (field) {
  field.addEventListener('input', show)
  // Korean is composed: the half-typed syllable counts, too.
  field.addEventListener('compositionupdate', () => setTimeout(show))
  field.form.addEventListener('submit', event => {
    event.preventDefault()
    const first = list.querySelector('a')
    if (first) location = first.href
    list.hidden = true
  })
  // The list does not cover what was looked for.
  list.addEventListener('click', () => { list.hidden = true })
  field.addEventListener('focus', () => { list.hidden = !field.value.trim() })
  addEventListener('focusin', event => { if (!field.form.contains(event.target)) list.hidden = true })
  addEventListener('pointerdown', event => { if (!field.form.contains(event.target)) list.hidden = true })
}

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  const inSearch = field && (event.target === field || list.contains(event.target))
  if (inSearch && event.key === 'ArrowDown') { choose(1); event.preventDefault(); return }
  if (inSearch && event.key === 'ArrowUp') { choose(-1); event.preventDefault(); return }
  if (event.key === 'Escape' && field) { field.value = ''; show(); field.blur(); return }
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return
  if (event.shiftKey) return
  // What is wider than its box is scrolled by the arrows.
  const box = event.target.closest('pre, .wide, .twin')
  if (box && box.scrollWidth > box.clientWidth && event.key.startsWith('Arrow')) return
  const go = selector => { const link = document.querySelector(selector); if (link) link.click() }
  if (event.key === '/') { field.focus(); event.preventDefault() }
  else if (event.key === 'ArrowLeft') go('a[rel=prev]')
  else if (event.key === 'ArrowRight') go('a[rel=next]')
  else if (event.code === 'KeyL') go('#language')
})
