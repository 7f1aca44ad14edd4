# SPDX-License-Identifier: GPL-2.0-only
# bash completion for rxfilter-loader(8)

# Device names of the namespace that the command line asks for, and of which kind (all without one).
_rxfilter_loader_devices()
{
	local netns=$1 kinds=${2:-} kind
	local -a ip=(ip)

	# A path is nothing that ip -n takes.
	[[ $netns == */* ]] && return
	[[ -n $netns ]] && ip+=(-n "$netns")
	if [[ -z $kinds ]]; then
		"${ip[@]}" -br link show
	else
		for kind in $kinds; do
			"${ip[@]}" -br link show type "$kind"
		done
	fi 2>/dev/null | sed 's/[@ ].*//'
}

# Completes the last item of a comma-separated list; $1 is the words, $2 the list so far.
_rxfilter_loader_list()
{
	local words=$1 cur=$2 done='' sign=''

	[[ $cur == *,* ]] && done=${cur%,*}, && cur=${cur##*,}
	[[ $cur == [+-]* ]] && sign=${cur:0:1} && cur=${cur:1}
	mapfile -t COMPREPLY < <(compgen -P "$done$sign" -W "$words" -- "$cur")
}

_rxfilter_loader()
{
	local verbs='attach detach set get clear status probe explain drops run'
	local globals='--netns --bpffs --api --json --pretty --verbose --help --version'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' device='' netns='' word i

	# bash splits --option=value at the equals sign.
	[[ $cur == '=' ]] && cur=''
	[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-n | --netns | --bpffs | --api | --config | --attach | --group | --allow | --look | --mode | --confirm | --unicast | --multicast | --vlan | --flags | --from | --dst | --metadata-vlan | --frame | --count | --rate | --pcap)
			[[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
			[[ $word == -n || $word == --netns ]] && netns=${COMP_WORDS[i + 1]}
			((i++))
			;;
		-*) ;;
		*) if [[ -z $verb ]]; then verb=$word; else device=$word; fi ;;
		esac
	done

	COMPREPLY=()
	case $prev in
	-n | --netns)
		mapfile -t COMPREPLY < <(compgen -W "$(ip netns list 2>/dev/null | sed 's/ .*//')" -- "$cur")
		return
		;;
	--bpffs)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--from | --frame | --pcap | --config | --api)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--watch)
		mapfile -t COMPREPLY < <(compgen -W "1 5 60 $(_rxfilter_loader_devices "$netns")" -- "$cur")
		return
		;;
	--confirm)
		mapfile -t COMPREPLY < <(compgen -W '30 60 300' -- "$cur")
		return
		;;
	--mode)
		mapfile -t COMPREPLY < <(compgen -W 'auto native generic tc' -- "$cur")
		return
		;;
	--flags)
		_rxfilter_loader_list 'broadcast multicast promisc allmulti none' "$cur"
		return
		;;
	--unicast)
		mapfile -t COMPREPLY < <(compgen -W 'none' -- "$cur")
		return
		;;
	--attach)
		_rxfilter_loader_list "$(_rxfilter_loader_devices "$netns")" "$cur"
		return
		;;
	--group)
		mapfile -t COMPREPLY < <(compgen -g -- "$cur")
		return
		;;
	--allow | --look | --dst | --metadata-vlan | --count | --rate)
		return
		;;
	--multicast | --vlan)
		[[ $verb == explain ]] && return
		mapfile -t COMPREPLY < <(compgen -W 'none all' -- "$cur")
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		local options=$globals
		case $verb in
		attach) options+=' --mode --shadow --enforce --confirm --dry-run' ;;
		detach) options+=' --all' ;;
		set) options+=' --unicast --multicast --vlan --flags --from' ;;
		status) options+=' --watch --prometheus' ;;
		explain) options+=' --dst --vlan --metadata-vlan --frame' ;;
		run) options+=' --config --attach --group --allow --look' ;;
		drops) options+=' --count --rate --pcap' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi

	[[ -n $device ]] && return
	case $verb in
	'') mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
	attach | detach | status | probe | explain | drops)
		mapfile -t COMPREPLY < <(compgen -W "$(_rxfilter_loader_devices "$netns")" -- "$cur")
		;;
	set | get | clear)
		mapfile -t COMPREPLY < <(compgen -W "$(_rxfilter_loader_devices "$netns" 'macvlan macvtap')" -- "$cur")
		;;
	esac
}

complete -F _rxfilter_loader rxfilter-loader
