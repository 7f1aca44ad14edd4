# SPDX-License-Identifier: GPL-2.0-only
# bash completion for rxfilter-guest(8)

# Completes the last item of a comma-separated list; $1 is the words, $2 the list so far.
_rxfilter_guest_list()
{
	local words=$1 cur=$2 done=''

	[[ $cur == *,* ]] && done=${cur%,*}, && cur=${cur##*,}
	mapfile -t COMPREPLY < <(compgen -P "$done" -W "$words" -- "$cur")
}

_rxfilter_guest_macvtaps()
{
	ip -br link show type macvtap 2>/dev/null | sed 's/[@ ].*//'
}

_rxfilter_guest()
{
	local verbs='run status check judge'
	local globals='--api --state --json --pretty --verbose --help --version'
	local policy='--main-mac --unicast --unicast-limit --multicast --multicast-limit --vlans --promisc --allmulti'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' word i

	# bash splits --option=value at the equals sign.
	[[ $cur == '=' ]] && cur=''
	[[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--api | --state | --upper | --qmp | --nic | --mac | --main-mac | --unicast | --unicast-limit | --multicast | --multicast-limit | --vlans | --promisc | --allmulti | --changes | --poll | --profile | --answer)
			[[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
			((i++))
			;;
		-*) ;;
		*) [[ -z $verb ]] && verb=$word ;;
		esac
	done

	COMPREPLY=()
	case $prev in
	--state)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--api | --qmp | --profile | --answer)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--upper)
		mapfile -t COMPREPLY < <(compgen -W "$(_rxfilter_guest_macvtaps)" -- "$cur")
		return
		;;
	--main-mac)
		_rxfilter_guest_list 'fixed any' "$cur"
		return
		;;
	--unicast)
		_rxfilter_guest_list 'none any' "$cur"
		return
		;;
	--multicast)
		_rxfilter_guest_list 'follow all none' "$cur"
		return
		;;
	--vlans)
		_rxfilter_guest_list 'follow none' "$cur"
		return
		;;
	--promisc | --allmulti)
		mapfile -t COMPREPLY < <(compgen -W 'allow deny' -- "$cur")
		return
		;;
	--nic | --mac | --unicast-limit | --multicast-limit | --changes | --poll)
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		local options=$globals
		case $verb in
		run) options+=" --upper --qmp --nic --mac $policy --changes --poll --profile --shadow" ;;
		judge) options+=' --answer --spoken --no-ctrl-rx --no-ctrl-vlan' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi

	case $verb in
	'') mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
	status) mapfile -t COMPREPLY < <(compgen -W "$(_rxfilter_guest_macvtaps)" -- "$cur") ;;
	run | check | judge) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}

complete -F _rxfilter_guest rxfilter-guest
