(use-modules (rnrs bytevectors))
(let ((sock (socket PF_INET SOCK_DGRAM 0)) (arguments (cdr (command-line))) (buffer (make-bytevector 65536)))
  (bind sock AF_INET (inet-pton AF_INET (car arguments)) (string->number (cadr arguments)))
  (while #t
    (let* ((received (recvfrom! sock buffer)) (data (make-bytevector (car received))))
      (bytevector-copy! buffer 0 data 0 (car received))
      (sendto sock data (cdr received)))))
