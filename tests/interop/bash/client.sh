# The shell can neither hold a NUL nor close half a connection: a file holds the word, and its length says what to read.
cat > /tmp/word.$$
exec 3<> "/dev/tcp/$1/$2"
cat "/tmp/word.$$" >&3
head -c "$(stat -c %s "/tmp/word.$$")" <&3
