# cat writes the word at once, which makes it one datagram.
cat > /tmp/word.$$
exec 3<> "/dev/udp/$1/$2"
cat "/tmp/word.$$" >&3
head -c "$(stat -c %s "/tmp/word.$$")" <&3
