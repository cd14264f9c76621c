:- use_module([library(main), library(socket)]).
:- initialization(main, main).
main([Ip, PortText]) :-
    atom_number(PortText, Port),
    udp_socket(Socket),
    tcp_bind(Socket, Ip:Port),
    repeat,
    udp_receive(Socket, Data, Peer, [as(codes), encoding(octet), max_message_size(65535)]),
    udp_send(Socket, Data, Peer, [encoding(octet)]),
    fail.
