:- use_module([library(main), library(socket), library(thread)]).
:- initialization(main, main).
main([Ip, PortText]) :-
    atom_number(PortText, Port),
    tcp_socket(Server),
    tcp_bind(Server, Ip:Port),
    tcp_listen(Server, 5),
    repeat,
    tcp_accept(Server, Client, _),
    thread_create(serve(Client), _, [detached(true)]),
    fail.
serve(Client) :-
    tcp_open_socket(Client, In, Out),
    forall(member(Stream, [In, Out]), (set_stream(Stream, encoding(octet)), set_stream(Stream, newline(posix)))),
    echo(In, Out),
    close(In),
    close(Out).
echo(In, Out) :-
    fill_buffer(In),
    read_pending_codes(In, Data, []),
    (   Data == [] -> true ; format(Out, "~s", [Data]), flush_output(Out), echo(In, Out) ).
