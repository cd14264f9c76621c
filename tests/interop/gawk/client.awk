# gawk has no binary input, only records and what ends them (RT): a line at a time, no byte is lost. With -b a
# character is a byte.
BEGIN {
    server = "/inet/tcp/0/" ARGV[1] "/" ARGV[2]
    while ((getline line < "/dev/stdin") > 0) {
        printf "%s%s", line, RT |& server
    }
    printf "" |& server
    close(server, "to")
    while ((server |& getline line) > 0) {
        printf "%s%s", line, RT
    }
}
