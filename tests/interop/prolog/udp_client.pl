:- use_module([library(main), library(readutil), library(socket)]).
:- initialization(main, main).
main([Ip, PortText]) :-
    atom_number(PortText, Port),
    forall(member(Stream, [user_input, user_output]), (set_stream(Stream, encoding(octet)), set_stream(Stream, newline(posix)))),
    read_stream_to_codes(user_input, Word),
    udp_socket(Socket),
    udp_send(Socket, Word, Ip:Port, [encoding(octet)]),
    udp_receive(Socket, Answer, _, [as(codes), encoding(octet), max_message_size(65535)]),
    format("~s", [Answer]).
