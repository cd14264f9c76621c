:- use_module([library(main), library(readutil), library(socket)]).
:- initialization(main, main).
main([Ip, PortText, Way]) :-
    atom_number(PortText, Port),
    tcp_connect(Ip:Port, Pair, []),
    stream_pair(Pair, In, Out),
    forall(member(Stream, [user_input, user_output, In, Out]), octets(Stream)),
    read_stream_to_codes(user_input, Word),
    format(Out, "~s", [Word]),
    flush_output(Out),
    (   Way == half_close
    ->  close(Out), read_stream_to_codes(In, Answer)
    ;   length(Word, Length), length(Answer, Length), maplist(get_code(In), Answer)
    ),
    format("~s", [Answer]).
octets(Stream) :- set_stream(Stream, encoding(octet)), set_stream(Stream, newline(posix)).
